// The families of prompts ranked by what distilling them would save a month, at prices of the student that can be changed.
#pragma once
#include <QWidget>
#include <optional>

#include "logs/stats.h"
#include "ui/models/session.h"

class QDoubleSpinBox;
class QPushButton;
class QStackedWidget;

namespace retort::ui {

class EmptyState;
class JobBar;
class PlainLabel;
class PlainTable;

class WorthView : public QWidget {
  Q_OBJECT
 public:
  explicit WorthView(Session* session, QWidget* parent = nullptr);
  /// Ranks the families among the records of `filter`: at once where the view is seen, else when it comes into view.
  void query(const logs::Filter& filter);
  [[nodiscard]] QWidget* list() const;

 Q_SIGNALS:
  void familyChosen(const std::string& family);
  void failed(const retort::Error& error);

 protected:
  void showEvent(QShowEvent* event) override;

 private:
  void build();
  void ask();
  void fill();
  void followDerive();
  void startDerive();

  Session* m_session;
  logs::Filter m_filter;
  Latest m_query;
  std::optional<logs::Worth> m_worth;      ///< none while families are not worked out
  bool m_isAsked = false, m_isStarting = false;
  JobBar* m_job;
  QStackedWidget* m_bodies;
  EmptyState* m_missing;
  QWidget *m_skeleton, *m_found;
  PlainLabel *m_summary, *m_partly;
  QPushButton* m_rest;
  QDoubleSpinBox *m_input, *m_output;
  PlainTable* m_table;
};

}  // namespace retort::ui

// Exporting a student: formats with their sizes, and what was exported before with every check.
#pragma once
#include "exports/export.h"
#include "ui/pages/page.h"

class QCheckBox;
class QComboBox;

namespace retort::ui {

class EmptyState;
class JobBar;

class ExportPage : public Page {
  Q_OBJECT
 public:
  explicit ExportPage(Session* session, QWidget* parent = nullptr);
  /// "run:ID".
  void open(const QString& argument) override;

 private:
  struct Planned {
    exports::Plan plan;
    std::uint64_t free = 0;
  };
  struct Shown {
    exports::ExportEntry entry;
    Json verify;
  };
  QWidget* makeForm();
  QWidget* makeList();
  void reload();
  void refresh();
  void plan();
  void show(const Planned& planned);
  void showExports(const std::vector<Shown>& list);
  QWidget* cardOf(const Shown& shown);
  void start();
  [[nodiscard]] std::string targets() const;

  JobBar* m_job;
  QComboBox* m_source;
  QList<QCheckBox*> m_formats;
  QList<PlainLabel*> m_sizes;
  PlainLabel *m_need, *m_why;
  QPushButton* m_start;
  QVBoxLayout* m_cards;
  EmptyState *m_empty, *m_none;
  QWidget *m_body, *m_list;
  Latest m_loading, m_planning, m_listing;
  QString m_wanted;
};

}  // namespace retort::ui

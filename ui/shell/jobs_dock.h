// What runs, waits and has ended, with progress and stop; opened by Ctrl+J.
#pragma once
#include <QDockWidget>

#include "ui/models/session.h"

class QToolButton;
class QVBoxLayout;

namespace retort::ui {

class JobsDock : public QDockWidget {
  Q_OBJECT
 public:
  explicit JobsDock(QWidget* parent = nullptr);
  void setSession(Session* session);

 Q_SIGNALS:
  void navigate(const QString& page, const QString& argument);

 private:
  struct Item {
    std::string id;
    QString title, page;
    job::State state;
    std::filesystem::path folder;
  };
  void refresh();
  QWidget* makeItem(const Item& item);
  QToolButton* asker(const Item& item, const QString& iconName, const QString& name, const char* word, QWidget* box);
  QPointer<Session> m_session;
  QWidget* m_inside;
  QVBoxLayout* m_column;
};

/// A job's or run's line in words for chips: "Training student · 42 %".
[[nodiscard]] QString jobTitle(const run::JobSummary& job);
/// A job's or run's state as one line: "Reading records · 340 of 1,200 · 2 min 10 s left".
[[nodiscard]] QString stateLine(const job::State& state);

}  // namespace retort::ui

// What runs, waits and has ended, with progress and stop; opened by Ctrl+J.
#pragma once
#include <QDockWidget>

#include "ui/models/session.h"

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
  void refresh();
  QPointer<Session> m_session;
  QWidget* m_inside;
  QVBoxLayout* m_column;
};

/// A job's or run's line in words for chips: "Training student · 42 %".
[[nodiscard]] QString jobTitle(const run::JobSummary& job);

}  // namespace retort::ui

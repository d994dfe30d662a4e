// The newest unfinished job of some kinds as a bar on its page, with stop, resume and the next step; tells when one ended.
#pragma once
#include <QWidget>
#include <string>
#include <vector>

#include "ui/models/session.h"
#include "ui/widgets/controls.h"

namespace retort::ui {

class JobBar : public QWidget {
  Q_OBJECT
 public:
  JobBar(Session* session, std::vector<std::string> kinds, QWidget* parent = nullptr);
  /// Waits for this job's end even where it ends before the next look.
  void follow(const std::string& id);
  /// A button that opens the job shown (for jobs with a page of their own).
  void setOpen(const QString& text);
  /// This job is shown by the page itself, so not here; empty for none.
  void setShownElsewhere(const std::string& id);

 Q_SIGNALS:
  void ended(const retort::job::State& state);
  void openWanted(const QString& id);

 private:
  void refresh();
  using QWidget::show;
  void show(const run::JobSummary& active);
  void send(const char* word);
  Session* m_session;
  std::vector<std::string> m_kinds;
  std::string m_id, m_elsewhere;           ///< shown, here or by the page
  std::vector<std::string> m_waited;       ///< whose end is still to be told
  bool m_asked = false;
  PlainLabel* m_title;
  ProgressLine* m_line;
  QPushButton *m_open, *m_resume, *m_stop;
};

}  // namespace retort::ui

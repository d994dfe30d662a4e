// The newest unfinished job of one kind as a bar with stop on its page; tells when one ended.
#pragma once
#include <QWidget>
#include <string>

#include "ui/models/session.h"
#include "ui/widgets/controls.h"

namespace retort::ui {

class JobBar : public QWidget {
  Q_OBJECT
 public:
  JobBar(Session* session, std::string kind, QWidget* parent = nullptr);

 Q_SIGNALS:
  void ended(const retort::job::State& state);

 private:
  void refresh();
  Session* m_session;
  std::string m_kind, m_id;
  PlainLabel* m_title;
  ProgressLine* m_line;
  QPushButton* m_stop;
};

}  // namespace retort::ui

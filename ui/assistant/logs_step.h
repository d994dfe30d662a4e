// Step 1 of the assistant: the records, imported before or now, and the filter that chooses among them.
#pragma once
#include "logs/filter.h"
#include "ui/assistant/step.h"

namespace retort::ui {

class JobBar;

class LogsStep : public AssistantStep {
  Q_OBJECT
 public:
  LogsStep(Session* session, const QString& filter, QWidget* parent);
  void write(line::DistilRequest& request) const override;
  void check(Told then) override;
  [[nodiscard]] QWidget* firstField() const override;

 Q_SIGNALS:
  void changed();

 private:
  void chooseFiles(bool folder);
  void started(const Result<std::string>& job);
  void refresh();
  void count();
  QPushButton *m_files, *m_folder, *m_sample;
  PlainLabel *m_have, *m_count;
  JobBar* m_job;
  QLineEdit* m_filter;
  Latest m_counting;
  qint64 m_matches = -1;         ///< -1: not counted yet
  std::optional<Error> m_error;  ///< of the filter, or of the import
};

}  // namespace retort::ui

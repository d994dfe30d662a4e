// One job of the whole line, live or past: its steps with what each gave, the curve of the run under way, and at the end models and files.
#pragma once
#include <QWidget>
#include <memory>

#include "ui/models/line_feed.h"
#include "ui/models/run_feed.h"
#include "ui/models/session.h"

class QGridLayout;
class QLabel;
class QPushButton;

namespace retort::ui {

class Banner;
class Card;
class Chip;
class LossChart;
class PlainLabel;
class PlainTable;
class ProgressLine;

class LineView : public QWidget {
  Q_OBJECT
 public:
  explicit LineView(Session* session, QWidget* parent = nullptr);
  void show(const std::string& jobId);
  [[nodiscard]] const std::string& jobId() const { return m_id; }
  [[nodiscard]] LossChart* chart() const { return m_chart; }
  [[nodiscard]] bool isDone() const { return m_feed && m_feed->state().phase == job::Phase::done; }

 Q_SIGNALS:
  void navigate(const QString& page, const QString& argument);
  void titleChanged(const QString& title);

 private:
  struct Step {
    QString name, key;           ///< key: of progress.json
    QString page;                ///< that shows what came out
    QLabel* icon = nullptr;
    PlainLabel *title = nullptr, *note = nullptr;
    QPushButton* open = nullptr;
    QString argument;
  };
  QWidget* makeHead();
  void makeSteps();
  void refresh();
  void refreshStep(Step& step, bool isCurrent);
  void followRun();
  void showResult();
  void showFiles(const Json& exports);
  void send(const char* word);
  [[nodiscard]] const RunEntry* runOf(const Step& step) const;
  [[nodiscard]] bool isDone(const Step& step, int index) const;

  Session* m_session;
  std::string m_id, m_runId;
  std::unique_ptr<LineFeed> m_feed;
  std::unique_ptr<RunFeed> m_run;
  Banner* m_banner;
  Chip* m_phase;
  PlainLabel *m_about, *m_chartTitle, *m_verdict;
  QPushButton *m_resume, *m_stop;
  ProgressLine* m_progress;
  QGridLayout* m_grid;
  QWidget* m_stepBox;
  QList<Step> m_steps;
  LossChart* m_chart;
  Card *m_result, *m_chartCard;
  PlainTable* m_models;
  QGridLayout* m_files;
  QWidget* m_fileBox;
  bool m_resultShown = false;
};

}  // namespace retort::ui

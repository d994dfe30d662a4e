// One run, live or past: header, numbers, charts, samples, log; everything read from its folder.
#pragma once
#include <QWidget>
#include <memory>

#include "ui/models/run_feed.h"
#include "ui/models/session.h"

class QPlainTextEdit;
class QPushButton;
class QTabWidget;

namespace retort::ui {

class Banner;
class Chip;
class KeyValues;
class LineChart;
class LossChart;
class NumberTile;
class PlainLabel;
class PlainTable;
class ProgressLine;

class RunView : public QWidget {
  Q_OBJECT
 public:
  explicit RunView(Session* session, QWidget* parent = nullptr);
  void show(const std::string& runId);
  [[nodiscard]] const std::string& runId() const { return m_id; }
  [[nodiscard]] LossChart* lossChart() const { return m_loss; }
  [[nodiscard]] RunFeed* feed() const { return m_feed.get(); }

 Q_SIGNALS:
  void navigate(const QString& page, const QString& argument);
  void titleChanged(const QString& title);
  void settled();                 ///< all that was in the folder is on the screen

 private:
  QWidget* makeHead();
  QWidget* makeCharts();
  QWidget* makeTabs();
  void take(const std::vector<job::Event>& events);
  void takeMetric(const job::Event& event);
  void takeEval(const job::Event& event);
  void takeSample(const job::Event& event);
  void showState();
  void showSpec();
  void reset();
  void send(const std::string& word);

  Session* m_session;
  std::string m_id;
  std::unique_ptr<RunFeed> m_feed;
  Banner* m_banner;
  Chip* m_phase;
  PlainLabel *m_about, *m_stage;
  ProgressLine* m_progress;
  NumberTile *m_lossTile, *m_nllTile, *m_rateTile, *m_speedTile, *m_timeTile;
  QPushButton *m_pause, *m_stop, *m_resume, *m_evaluate, *m_export;
  LossChart* m_loss;
  LineChart* m_speed;
  QTabWidget* m_tabs;
  PlainTable *m_samples, *m_events;
  QPlainTextEdit* m_log;
  KeyValues* m_config;
  int m_speedLine = 0;
  double m_bestNll = 0;
  bool m_hasNll = false;
  std::map<std::string, QString> m_lastSample;
};

}  // namespace retort::ui

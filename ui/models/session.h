// An open workspace as the pages share it: what is in it, watched; the log store; work started from the window.
#pragma once
#include <QObject>
#include <QTimer>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/workspace.h"
#include "logs/importer.h"
#include "logs/log_store.h"
#include "run/run_list.h"
#include "ui/models/async.h"

namespace retort::ui {

struct RunEntry {
  run::RunSummary summary;
  std::vector<double> curve;       ///< validation NLL where measured, else training loss; at most 60 values
};

/// What the folders held at the last look. Lists are newest first.
struct Inventory {
  std::vector<RunEntry> runs;
  std::vector<run::JobSummary> jobs;
  std::vector<std::string> datasets, reports, exports;   ///< ids
  std::vector<Error> problems;                           ///< folders that could not be read
};

/// A long work inside this window's process (import, sample making): one bar, one cancel.
class Task : public QObject {
  Q_OBJECT
 public:
  explicit Task(QString title, QObject* parent) : QObject(parent), m_title(std::move(title)) {}
  [[nodiscard]] const QString& title() const { return m_title; }
  [[nodiscard]] const Progress& progress() const { return m_progress; }
  [[nodiscard]] std::stop_token token() const { return m_stop.get_token(); }
  void cancel() { m_stop.request_stop(); }
  void report(const Progress& progress) {
    m_progress = progress;
    Q_EMIT progressed();
  }
  void end(const std::optional<Error>& error) {
    m_error = error;
    Q_EMIT finished();
  }
  [[nodiscard]] const std::optional<Error>& error() const { return m_error; }
  logs::ImportSummary summary;     ///< of an import, once finished

 Q_SIGNALS:
  void progressed();
  void finished();

 private:
  QString m_title;
  Progress m_progress;
  std::optional<Error> m_error;
  std::stop_source m_stop;
};

class Session : public QObject {
  Q_OBJECT
 public:
  explicit Session(Workspace workspace, QObject* parent = nullptr);
  ~Session() override;

  [[nodiscard]] const Workspace& workspace() const { return m_workspace; }
  [[nodiscard]] const Inventory& inventory() const { return m_inventory; }
  [[nodiscard]] bool isLoaded() const { return m_loaded; }          ///< the first look has ended
  [[nodiscard]] std::shared_ptr<logs::LogStore> logs() const { return m_logs; }   ///< null while nothing was imported
  [[nodiscard]] const std::optional<Error>& logsError() const { return m_logsError; }
  [[nodiscard]] Task* task() const { return m_task; }               ///< the import under way, or null

  /// Imports files and folders into the log store, on a thread; one at a time (null when one is under way).
  Task* importLogs(const QStringList& paths);
  /// Makes the sample project's logs in the workspace and imports them.
  Task* importSample();
  /// jobs/<id> of `kind`, queued, with a supervisor to run it.
  void startJob(const std::string& kind, const std::string& name, const Json& params, QObject* context, std::function<void(Result<std::string>)> then);
  /// Asks a run or job: "pause", "resume", "stop-save", "stop-discard". A resume of something that ended puts it back in the queue.
  void control(const std::filesystem::path& folder, const std::string& word, QObject* context, std::function<void(Status)> then);
  /// Looks at the folders now instead of at the next tick.
  void refresh();

  /// The file of golden examples that importSample() made, where it is there.
  [[nodiscard]] std::filesystem::path sampleGolden() const { return m_workspace.root() / "sample" / "logs.golden.jsonl"; }

 Q_SIGNALS:
  void runsChanged();
  void jobsChanged();
  void datasetsChanged();
  void reportsChanged();
  void exportsChanged();
  void logsChanged();
  void taskChanged();
  void loaded();

 private:
  struct Watch;
  Task* begin(const QString& title, std::function<Result<logs::ImportSummary>(std::stop_token, const ProgressFn&)> work);
  void take(Inventory inventory, std::shared_ptr<logs::LogStore> logs, std::optional<Error> logsError, bool logsGrew);

  Workspace m_workspace;
  Inventory m_inventory;
  std::shared_ptr<logs::LogStore> m_logs;
  std::optional<Error> m_logsError;
  std::shared_ptr<Watch> m_watch;
  QTimer m_timer;
  bool m_loaded = false, m_looking = false, m_again = false;
  Task* m_task = nullptr;
};

}  // namespace retort::ui

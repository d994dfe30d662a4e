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
  /// The newest job of these kinds that has not ended, or null.
  [[nodiscard]] const run::JobSummary* unfinished(const std::vector<std::string>& kinds) const;
  [[nodiscard]] bool isImporting() const { return unfinished({"import", "sample"}) != nullptr; }

  using Started = std::function<void(Result<std::string>)>;
  /// A job that imports files and folders into the log store; it goes on when the window is closed.
  void importLogs(const QStringList& paths, QObject* context, Started then);
  /// A job that makes the sample project's logs in the workspace and imports them.
  void importSample(QObject* context, Started then);
  /// jobs/<id> of `kind`, queued, with a supervisor to run it.
  void startJob(const std::string& kind, const std::string& name, const Json& params, QObject* context, Started then);
  /// Asks a run or job: "pause", "resume", "stop-save", "stop-discard". A resume of something that ended puts it back in the queue.
  void control(const std::filesystem::path& folder, const std::string& word, QObject* context, std::function<void(Status)> then);
  /// Looks at the folders now instead of at the next tick.
  void refresh();

  /// The files of golden examples and of labels beside the sample logs, where they are there.
  [[nodiscard]] std::filesystem::path sampleGolden() const { return m_workspace.root() / "sample" / "logs.golden.jsonl"; }
  [[nodiscard]] std::filesystem::path sampleReferences() const { return m_workspace.root() / "sample" / "logs.gold.jsonl"; }

 Q_SIGNALS:
  void runsChanged();
  void jobsChanged();
  void datasetsChanged();
  void reportsChanged();
  void exportsChanged();
  void logsChanged();
  void loaded();

 private:
  struct Watch;
  void wakeSupervisor();
  void take(Inventory inventory, std::shared_ptr<logs::LogStore> logs, std::optional<Error> logsError, bool logsGrew);

  Workspace m_workspace;
  Inventory m_inventory;
  std::shared_ptr<logs::LogStore> m_logs;
  std::optional<Error> m_logsError;
  std::shared_ptr<Watch> m_watch;
  QTimer m_timer;
  bool m_loaded = false, m_looking = false, m_again = false;
};

}  // namespace retort::ui

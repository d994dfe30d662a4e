// The events of one run or job folder, followed from its first line, in order, off the GUI thread.
#pragma once
#include <QObject>
#include <QTimer>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "job/job_folder.h"

namespace retort::ui {

class RunFeed : public QObject {
  Q_OBJECT
 public:
  explicit RunFeed(std::filesystem::path folder, QObject* parent = nullptr);
  [[nodiscard]] const std::filesystem::path& folder() const { return m_folder; }
  [[nodiscard]] const job::State& state() const { return m_state; }
  [[nodiscard]] const Json& spec() const { return m_spec; }
  /// True when every line that was in the file has been delivered.
  [[nodiscard]] bool isCaughtUp() const { return m_caughtUp; }
  [[nodiscard]] QStringList logTail() const { return m_log; }   ///< last lines of worker.log
  void poll();

 Q_SIGNALS:
  void specRead();
  void stateChanged();
  /// In the order of the file; after a "restart" with from_step, what came before with a greater step is void.
  void events(const std::vector<retort::job::Event>& batch);
  void rewound();               ///< the file began anew: forget everything
  void logChanged();
  void failed(const retort::Error& error);
  void caughtUp();

 private:
  struct Reader;
  std::filesystem::path m_folder;
  std::shared_ptr<Reader> m_reader;
  job::State m_state;
  Json m_spec;
  QStringList m_log;
  QTimer m_timer;
  bool m_busy = false, m_caughtUp = false;
};

}  // namespace retort::ui

// One job of the whole line (distil, demo), followed in its folder: its request, its state, and what it has finished.
#pragma once
#include <QObject>
#include <QTimer>
#include <filesystem>

#include "base/json.h"
#include "job/job_folder.h"

namespace retort::ui {

class LineFeed : public QObject {
  Q_OBJECT
 public:
  explicit LineFeed(std::filesystem::path folder, QObject* parent = nullptr);
  [[nodiscard]] const std::filesystem::path& folder() const { return m_folder; }
  [[nodiscard]] const Json& spec() const { return m_spec; }             ///< {"kind","name","params"}
  [[nodiscard]] const job::State& state() const { return m_state; }
  [[nodiscard]] const Json& steps() const { return m_steps; }           ///< progress.json: finished steps by name, in their order
  void poll();

 Q_SIGNALS:
  void changed();
  void failed(const retort::Error& error);

 private:
  std::filesystem::path m_folder;
  Json m_spec, m_steps = Json::object();
  job::State m_state;
  QTimer m_timer;
  bool m_busy = false, m_first = true;
};

}  // namespace retort::ui

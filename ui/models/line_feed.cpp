// One job of the whole line, followed: see line_feed.h.
#include "ui/models/line_feed.h"

#include "base/files.h"
#include "ui/models/async.h"

namespace retort::ui {
namespace {

constexpr int kPollMs = 300;

struct Look {
  Result<Json> spec = Json();
  Result<job::State> state = job::State();
  Json steps = Json::object();
};

}  // namespace

LineFeed::LineFeed(std::filesystem::path folder, QObject* parent) : QObject(parent), m_folder(std::move(folder)) {
  m_timer.setInterval(kPollMs);
  connect(&m_timer, &QTimer::timeout, this, &LineFeed::poll);
  m_timer.start();
  poll();
}

void LineFeed::poll() {
  if (m_busy) return;
  m_busy = true;
  runAsync(queryPool(), this, [folder = m_folder] {
    Look look;
    look.spec = readJsonFile(folder / "spec.json");
    look.state = job::observedState(folder);
    if (auto steps = readJsonFile(folder / "progress.json"); steps.ok() && steps->is_object() && steps->contains("steps")) look.steps = std::move((*steps)["steps"]);
    return look;
  }, [this](Look look) {
    m_busy = false;
    if (!look.spec.ok()) return Q_EMIT failed(look.spec.error());
    if (!look.state.ok()) return Q_EMIT failed(look.state.error());
    const bool same = !m_first && dumpJson(look.steps) == dumpJson(m_steps) && look.state->updated == m_state.updated && look.state->phase == m_state.phase;
    m_spec = std::move(*look.spec);
    m_steps = std::move(look.steps);
    m_state = std::move(*look.state);
    m_first = false;
    if (!same) Q_EMIT changed();
  });
}

}  // namespace retort::ui

// The events of one run folder, followed: see run_feed.h.
#include "ui/models/run_feed.h"

#include <QStringList>
#include <fstream>

#include "ui/models/async.h"
#include "ui/widgets/text.h"

namespace retort::ui {
namespace {
constexpr int kPollMs = 200;
constexpr std::size_t kBatchBytes = 512u << 10;   // a batch must cost the GUI thread a few milliseconds at most
constexpr std::streamoff kLogBytes = 64 << 10;
}  // namespace

struct RunFeed::Reader {
  std::filesystem::path folder;
  LineTail tail;
  std::uintmax_t logBytes = 0;
  bool specDone = false;

  explicit Reader(std::filesystem::path f) : folder(f), tail(f / "events.jsonl") {}

  struct Batch {
    std::vector<job::Event> events;
    std::optional<job::State> state;
    std::optional<Json> spec;
    std::optional<QStringList> log;
    std::optional<Error> error;
    bool rewound = false, more = false;
  };

  Batch read() {
    Batch out;
    if (!specDone) {
      auto spec = readJsonFile(folder / "spec.json");
      if (spec.ok()) out.spec = std::move(*spec), specDone = true;
      else out.error = spec.error();
    }
    auto state = job::observedState(folder);
    if (state.ok()) out.state = std::move(*state);
    else out.error = state.error();
    const std::uint64_t before = tail.offset();
    auto lines = tail.poll([&](std::string_view line) {
      if (auto event = job::parseEvent(line)) out.events.push_back(std::move(*event));
    }, kBatchBytes);
    out.rewound = tail.restarted();
    out.more = lines.ok() && (tail.offset() - before) * 2 > kBatchBytes;
    readLog(out);
    return out;
  }

  void readLog(Batch& out) {
    std::error_code ignored;
    const auto bytes = std::filesystem::file_size(folder / "worker.log", ignored);
    if (ignored || bytes == logBytes) return;
    logBytes = bytes;
    std::ifstream file(folder / "worker.log", std::ios::binary);
    const auto from = std::max<std::streamoff>(0, static_cast<std::streamoff>(bytes) - kLogBytes);
    file.seekg(from);
    std::string text(static_cast<std::size_t>(static_cast<std::streamoff>(bytes) - from), '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    out.log = qs(text).split(QLatin1Char('\n'), Qt::SkipEmptyParts);
  }
};

RunFeed::RunFeed(std::filesystem::path folder, QObject* parent)
    : QObject(parent), m_folder(folder), m_reader(std::make_shared<Reader>(std::move(folder))) {
  m_timer.setInterval(kPollMs);
  connect(&m_timer, &QTimer::timeout, this, &RunFeed::poll);
  m_timer.start();
  poll();
}

void RunFeed::poll() {
  if (m_busy) return;
  m_busy = true;
  runAsync(queryPool(), this, [reader = m_reader] { return reader->read(); }, [this](Reader::Batch batch) {
    m_busy = false;
    if (batch.error) Q_EMIT failed(*batch.error);
    if (batch.spec) m_spec = std::move(*batch.spec), Q_EMIT specRead();
    if (batch.rewound) Q_EMIT rewound();
    if (!batch.events.empty()) Q_EMIT events(batch.events);
    if (batch.state) {
      m_state = std::move(*batch.state);
      Q_EMIT stateChanged();
    }
    if (batch.log) m_log = std::move(*batch.log), Q_EMIT logChanged();
    if (batch.more) return poll();
    if (!std::exchange(m_caughtUp, true)) Q_EMIT caughtUp();
  });
}

}  // namespace retort::ui

// Reading all halves once, spooling requests, and answering from a table of places.
#include "logs/pair_index.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <unordered_map>

#include "logs/document_reader.h"
#include "logs/units.h"

namespace retort::logs {

namespace {

std::uint64_t hashOf(std::string_view text, std::uint64_t seed) { return XXH3_64bits_withSeed(text.data(), text.size(), seed); }

}  // namespace

struct PairIndex::State {
  std::vector<ListedFile> files;
  std::filesystem::path folder;
  std::stop_token stop;
  std::once_flag once;
  std::mutex mutex;
  int spool = -1;
  std::uint64_t spooled = 0;
  struct Place {
    std::uint64_t id, folder, at;          ///< hashes; offset in the spool
    std::uint32_t length;
    std::uint32_t order;                   ///< of a stored completion's messages
  };
  std::vector<Place> places;               ///< sorted by (id, folder, order, at)
  std::vector<std::pair<std::uint64_t, std::uint64_t>> answers;   ///< (id, folder), sorted
  dom::ParserPool pool;

  static std::uint64_t idHash(PairKind kind, std::string_view id) { return hashOf(id, static_cast<std::uint64_t>(kind)); }

  void write(std::string_view text) {
    while (!text.empty() && spool >= 0) {
      const auto n = ::pwrite(spool, text.data(), text.size(), static_cast<off_t>(spooled));
      if (n <= 0) break;
      spooled += static_cast<std::uint64_t>(n);
      text.remove_prefix(static_cast<std::size_t>(n));
    }
  }

  bool take(std::string_view text, std::uint64_t folderHash) {
    pool.reset();
    dom::Maybe root;
    if (pool.parse(text, false, root)) return false;
    if (isContainer(root)) {
      const auto units = unitsOf(text, root);
      bool isAny = false;
      for (const auto& unit : units) isAny = take(text.substr(unit.begin, unit.length), folderHash) || isAny;
      return isAny;
    }
    const auto half = pairHalfOf(root);
    if (half.kind == PairKind::none) return false;
    const auto id = idHash(half.kind, half.id);
    if (!half.isRequest) {
      answers.emplace_back(id, folderHash);
      return true;
    }
    std::uint32_t order = 0;
    if (half.kind == PairKind::stored) {
      const auto name = dom::strOr(dom::get(root, "id"));
      for (const char c : name.substr(name.rfind('-') + 1)) order = order * 10 + static_cast<std::uint32_t>(c - '0');
    }
    const auto at = spooled;
    write(text);
    if (spooled - at == text.size()) places.push_back({id, folderHash, at, static_cast<std::uint32_t>(text.size()), order});
    return true;
  }

  void readFile(const ListedFile& file) {
    auto source = ByteSource::open(file.path);
    if (!source.ok()) return;
    DocumentReader reader(0, std::move(*source), 0, 0, FileMode::unknown);
    const auto folderHash = hashOf(file.path.parent_path().native(), 0);
    bool isDone = false, isFirst = true;
    while (!isDone && !stop.stop_requested()) {
      Chunk chunk;
      isDone = reader.fill(chunk, 1u << 20);
      for (const auto& document : chunk.documents) {
        if (document.isTooLong) continue;
        const bool isHalf = take(std::string_view(chunk.bytes).substr(document.begin, document.length), folderHash);
        if (isFirst && !isHalf) return;    // a file of other records
        isFirst = false;
      }
    }
  }

  void build() {
    spool = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (spool < 0) {
      std::string name = (folder / ".pairs-XXXXXX").string();
      spool = ::mkostemp(name.data(), O_CLOEXEC);
      if (spool >= 0) ::unlink(name.c_str());
    }
    for (const auto& file : files) readFile(file);
    std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) { return std::tie(a.id, a.folder, a.order, a.at) < std::tie(b.id, b.folder, b.order, b.at); });
    std::sort(answers.begin(), answers.end());
    answers.erase(std::unique(answers.begin(), answers.end()), answers.end());
  }

  std::string textAt(const Place& place) const {
    std::string text(place.length, '\0');
    std::size_t got = 0;
    while (got < text.size()) {
      const auto n = ::pread(spool, text.data() + got, text.size() - got, static_cast<off_t>(place.at + got));
      if (n <= 0) return {};
      got += static_cast<std::size_t>(n);
    }
    return text;
  }
};

PairIndex::PairIndex(std::vector<ListedFile> files, std::filesystem::path spoolFolder, std::stop_token stop) : m_state(std::make_unique<State>()) {
  m_state->files = std::move(files);
  m_state->folder = std::move(spoolFolder);
  m_state->stop = std::move(stop);
}
PairIndex::~PairIndex() {
  if (m_state->spool >= 0) ::close(m_state->spool);
}

std::vector<std::string> PairIndex::requests(PairKind kind, std::string_view id, std::string_view folder) {
  State& s = *m_state;
  std::call_once(s.once, [&] { s.build(); });
  const auto key = State::idHash(kind, id);
  const auto begin = std::lower_bound(s.places.begin(), s.places.end(), key, [](const State::Place& p, std::uint64_t k) { return p.id < k; });
  const auto end = std::upper_bound(begin, s.places.end(), key, [](std::uint64_t k, const State::Place& p) { return k < p.id; });
  const auto own = hashOf(folder, 0);
  const bool hasOwn = std::any_of(begin, end, [&](const State::Place& p) { return p.folder == own; });
  std::vector<std::string> texts;
  std::uint64_t lastOrder = UINT64_MAX;
  for (auto it = begin; it != end; ++it) {
    if (hasOwn && it->folder != own) continue;
    auto text = s.textAt(*it);
    if (kind == PairKind::stored && it->order == lastOrder) continue;    // a page that was exported twice
    if (std::find(texts.begin(), texts.end(), text) == texts.end() || kind == PairKind::stored) texts.push_back(std::move(text));
    lastOrder = it->order;
  }
  return texts;
}

bool PairIndex::hasAnswer(PairKind kind, std::string_view id, std::string_view folder) {
  State& s = *m_state;
  (void)folder;
  std::call_once(s.once, [&] { s.build(); });
  const auto key = State::idHash(kind, id);
  const auto found = std::lower_bound(s.answers.begin(), s.answers.end(), std::pair(key, std::uint64_t(0)));
  return found != s.answers.end() && found->first == key;
}

}  // namespace retort::logs

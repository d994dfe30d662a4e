// One pass over the records that have no fields yet; columns, dictionaries, families and conversations of a batch in one transaction.
#include "logs/derive.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>
#include <unordered_map>
#include <unordered_set>

#include "base/clock.h"
#include "base/files.h"
#include "base/format.h"
#include "base/paths.h"
#include "logs/conversation.h"
#include "logs/derived_schema.h"
#include "logs/family_tree.h"
#include "logs/json_dom.h"
#include "logs/language.h"
#include "logs/log_schema.h"
#include "logs/log_store.h"
#include "logs/mask.h"

namespace retort::logs {

namespace {

constexpr std::size_t kSegment = 1u << kColumnShift;
constexpr std::size_t kNote = 300;

std::string joinedTexts(const Call& call, std::string_view role) {
  std::string out;
  for (const auto& message : call.messages) {
    if (message.role != role) continue;
    if (!out.empty()) out += '\n';
    out += message.text;
  }
  return out;
}

const Message* lastUser(const Call& call) {
  for (auto it = call.messages.rbegin(); it != call.messages.rend(); ++it)
    if (it->role == "user") return &*it;
  return nullptr;
}

std::string toolsOf(const Call& call) {
  std::vector<std::string> names;
  for (const auto& tool : call.tools) names.push_back(tool.name);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return join(names, ", ");
}

std::string paramsOf(const Call& call) {
  std::vector<std::string> parts;
  for (const auto& [name, value] : call.parameters) parts.push_back(name + "=" + value);
  std::sort(parts.begin(), parts.end());
  return join(parts, " ").substr(0, 1000);
}

/// First words of a text, for people.
std::string noteOf(std::string_view text) {
  std::string note(text.substr(0, kNote));
  while (!note.empty() && !isValidUtf8(note)) note.pop_back();
  for (char& c : note)
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  return note;
}

/// A family's name: the first six words that are no variables.
std::string familyName(const FamilyTree::Group& group) {
  std::string name;
  int words = 0;
  const std::string text = group.isOther ? *group.systemText : group.tmpl();
  std::vector<std::string_view> tokens;
  templateTokens(text, tokens);
  for (const auto token : tokens) {
    if (token.find(kMask) != std::string_view::npos || words >= 6) continue;
    name += (words++ ? " " : "") + std::string(token);
  }
  return noteOf(name);
}

struct Dictionary {
  std::unordered_map<std::string, std::int64_t> codes;
  std::vector<std::pair<std::int64_t, std::pair<std::string, std::string>>> fresh;   ///< code, text, note
  std::int64_t codeOf(const std::string& text, const std::function<std::string()>& note) {
    const auto [it, isNew] = codes.emplace(text, static_cast<std::int64_t>(codes.size()) + 1);
    if (isNew) fresh.push_back({it->second, {text, note ? note() : std::string()}});
    return it->second;
  }
};

class Pass {
 public:
  Pass(const LogStore& store, store::Database db, const providers::PriceTable& prices) : m_store(store), m_db(std::move(db)), m_prices(prices) {}

  Status load(std::int64_t generation) {
    RETORT_TRY(const auto stored, m_db.integer("SELECT value FROM state WHERE name='generation'"));
    // Costs of another price table would be wrong ones.
    const auto fingerprint = m_prices.fingerprint();
    RETORT_TRY(const auto prices, m_db.integer("SELECT value FROM state WHERE name='prices'"));
    if (stored && (*stored != generation || (prices && *prices != fingerprint)))
      RETORT_CHECK(m_db.exec("DELETE FROM state; DELETE FROM value; DELETE FROM seg; DELETE FROM family; DELETE FROM conv; DELETE FROM root"));
    RETORT_CHECK(m_db.exec("INSERT OR REPLACE INTO state VALUES('generation'," + std::to_string(generation) + "),('prices'," + std::to_string(fingerprint) + ")"));
    RETORT_TRY(const auto upTo, m_db.integer("SELECT value FROM state WHERE name='upto'"));
    m_upTo = static_cast<std::uint32_t>(upTo.value_or(0));
    RETORT_TRY(auto values, m_db.prepare("SELECT field,code,text FROM value ORDER BY field,code"));
    while (true) {
      RETORT_TRY(const bool row, values.step());
      if (!row) break;
      const auto field = values.integer(0);
      if (field >= 0 && field < kDerivedFields && field != static_cast<int>(DerivedField::family)) dictionary(static_cast<DerivedField>(field)).codes.emplace(values.text(2), values.integer(1));
    }
    RETORT_TRY(auto families, m_db.prepare("SELECT system,founder,template FROM family ORDER BY code"));
    RETORT_TRY(auto system, m_db.prepare("SELECT text FROM value WHERE field=-1 AND code=?"));
    while (true) {
      RETORT_TRY(const bool row, families.step());
      if (!row) break;
      system.bind(1, families.integer(0));
      RETORT_TRY(const bool found, system.step());
      const std::string text(found ? system.text(0) : std::string_view());
      system.reset();
      m_systemCodes.emplace(text, families.integer(0));
      m_tree.restore(text, families.text(1), families.text(2).empty() ? families.text(1) : families.text(2), families.text(1).empty() && families.text(2) == "other");
    }
    RETORT_TRY(auto calls, m_db.prepare("SELECT id,t,end,alone,root,step FROM conv ORDER BY t,id"));
    while (true) {
      RETORT_TRY(const bool row, calls.step());
      if (!row) break;
      m_links.restore({static_cast<std::uint32_t>(calls.integer(0)), calls.integer(1), static_cast<std::uint64_t>(calls.integer(2)), static_cast<std::uint64_t>(calls.integer(3)),
                       static_cast<std::uint32_t>(calls.integer(4)), calls.integer(5)});
    }
    // Hashes of the prompts so far.
    RETORT_TRY(auto hashes, m_db.prepare("SELECT n,b FROM seg WHERE field=? ORDER BY seg"));
    hashes.bind(1, std::int64_t(static_cast<int>(DerivedField::promptHash)));
    while (true) {
      RETORT_TRY(const bool row, hashes.step());
      if (!row) break;
      RETORT_TRY(const auto list, unpackColumn(hashes.blob(1), static_cast<std::size_t>(std::clamp<std::int64_t>(hashes.integer(0), 0, kSegment))));
      m_prompts.insert(list.begin(), list.end());
    }
    return {};
  }

  [[nodiscard]] std::uint32_t upTo() const { return m_upTo; }
  [[nodiscard]] DeriveSummary& summary() { return m_summary; }

  /// Works out ids [upTo(), end), which lie in one segment, and commits them.
  Status batch(std::uint32_t end, std::stop_token stop) {
    const std::uint32_t first = m_upTo;
    for (auto& column : m_columns) column.assign(end - first, kNoValue);
    m_chains.clear();
    std::uint64_t unreadable = 0;
    RETORT_CHECK(m_store.forEachCall(IdSet::range(first, end), stop, [&](std::uint32_t id, Call& call, std::string_view line) -> Result<bool> {
      one(id, id - first, call, line);
      return true;
    }, &unreadable));
    m_summary.unreadable += static_cast<std::int64_t>(unreadable);
    link(first);
    RETORT_CHECK(write(first, end));
    m_summary.records += end - first;
    m_upTo = end;
    return {};
  }

  void finish() {
    m_summary.systems = static_cast<std::int64_t>(m_systemCodes.size());
    m_summary.families = static_cast<std::int64_t>(m_tree.groups().size());
  }

 private:
  struct Chained {
    std::uint32_t id;
    std::int64_t timeUs;
    CallChain chain;
    std::string requestId;
  };

  Dictionary& dictionary(DerivedField field) { return m_dictionaries[static_cast<std::size_t>(field)]; }
  std::int64_t& cell(DerivedField field, std::size_t at) { return m_columns[static_cast<std::size_t>(field)][at]; }
  void text(DerivedField field, std::size_t at, const std::string& value, const std::function<std::string()>& note = {}) {
    if (!value.empty()) cell(field, at) = dictionary(field).codeOf(value, note);
  }

  /// Only Bedrock's envelope names its caller; elsewhere metadata may.
  std::string callerOf(const Call& call, std::string_view line) {
    if (line.find("\"identity\"") != std::string_view::npos) {
      simdjson::dom::element root;
      m_line.assign(line);
      if (!m_dom.parse(m_line).get(root)) {
        const auto arn = dom::strOr(dom::get(root, "identity", "arn"));
        if (!arn.empty()) return std::string(arn);
      }
    }
    for (const std::string_view name : {"caller", "userId", "user_id", "user"})
      if (const auto* value = call.record.metadataValue(name)) return *value;
    return {};
  }

  const std::string& masked(const std::string& system) {
    if (m_maskedSystems.size() >= 10'000) m_maskedSystems.clear();
    auto& known = m_maskedSystems[XXH3_64bits(system.data(), system.size())];
    if (known.first != system) known = {system, maskVariables(system)};
    return known.second;
  }

  void one(std::uint32_t id, std::size_t at, Call& call, std::string_view line) {
    const Record& r = call.record;
    const std::string system = joinedTexts(call, "system"), caller = callerOf(call, line);
    if (!system.empty()) {
      const auto hash = XXH3_64bits(system.data(), system.size());
      auto& code = m_systemsSeen[hash];
      if (code == 0) code = dictionary(DerivedField::system).codeOf(systemId(system), [&] { return noteOf(system); });
      cell(DerivedField::system, at) = code;
    }
    if (const Message* user = lastUser(call)) {
      cell(DerivedField::family, at) = m_tree.place(masked(system), maskVariables(user->text));
      text(DerivedField::language, at, std::string(languageOf(user->text)));
    }
    text(DerivedField::caller, at, caller);
    text(DerivedField::account, at, r.account);
    text(DerivedField::tools, at, toolsOf(call));
    text(DerivedField::params, at, paramsOf(call));
    if (!call.messages.empty()) {
      std::uint64_t prompt = call.promptHash ^ XXH3_64bits(r.model.data(), r.model.size());
      if (static_cast<std::int64_t>(prompt) == kNoValue) prompt = 1;
      cell(DerivedField::promptHash, at) = static_cast<std::int64_t>(prompt);
      text(DerivedField::repeat, at, m_prompts.insert(static_cast<std::int64_t>(prompt)).second ? "first" : "again");
      if (r.timeUs) m_chains.push_back({id, *r.timeUs, callChain(call, caller), r.requestId});
      else alone(id, at, r.requestId);
    }
    if (const auto cost = costOf(r)) cell(DerivedField::cost, at) = *cost;
  }

  void alone(std::uint32_t id, std::size_t at, const std::string& requestId) {
    cell(DerivedField::conversation, at) = id;
    cell(DerivedField::step, at) = 1;
    m_roots.emplace_back(conversationHash(requestId), id);
  }

  /// In nano-dollars: what the source says, else by the price table. A price that is not known stays unknown.
  std::optional<std::int64_t> costOf(const Record& r) {
    if (r.cost && *r.cost >= 0 && *r.cost < 1e9) return static_cast<std::int64_t>(*r.cost * 1e9 + 0.5);
    if (!r.inputTokens || !r.outputTokens) return std::nullopt;
    auto found = m_priceOf.find(r.model);
    if (found == m_priceOf.end()) found = m_priceOf.emplace(r.model, m_prices.entries(r.model)).first;
    const auto* price = providers::choosePrice(found->second, {r.region, {}, r.timeUs});
    if (!price) return std::nullopt;
    const std::int64_t cached = std::min(r.cachedTokens.value_or(0), *r.inputTokens);
    providers::Usage usage;
    usage.input = *r.inputTokens - cached;
    usage.cacheRead = cached;
    usage.output = *r.outputTokens;
    usage.isKnown = true;
    return providers::costOf(*price, usage, r.source.ends_with("-batch"));
  }

  void link(std::uint32_t first) {
    std::stable_sort(m_chains.begin(), m_chains.end(), [](const Chained& a, const Chained& b) { return a.timeUs != b.timeUs ? a.timeUs < b.timeUs : a.id < b.id; });
    for (const auto& call : m_chains) {
      const auto link = m_links.add(call.id, call.timeUs, call.chain);
      cell(DerivedField::conversation, call.id - first) = link.root;
      cell(DerivedField::step, call.id - first) = link.step;
      if (link.root == call.id) m_roots.emplace_back(conversationHash(call.requestId), call.id);
    }
  }

  Status writeColumns(std::uint32_t first) {
    const auto segment = static_cast<std::int64_t>(first >> kColumnShift);
    const std::size_t inside = first & (kSegment - 1);
    RETORT_TRY(auto find, m_db.prepare("SELECT n,b FROM seg WHERE field=? AND seg=?"));
    RETORT_TRY(auto put, m_db.prepare("INSERT OR REPLACE INTO seg(field,seg,n,b) VALUES(?,?,?,?)"));
    for (std::int64_t field = 0; field < kDerivedFields; ++field) {
      std::vector<std::int64_t> all;
      find.bind(1, field).bind(2, segment);
      RETORT_TRY(const bool found, find.step());
      if (found) {
        RETORT_TRY(all, unpackColumn(find.blob(1), static_cast<std::size_t>(std::clamp<std::int64_t>(find.integer(0), 0, kSegment))));
      }
      find.reset();
      all.resize(inside, kNoValue);
      const auto& column = m_columns[static_cast<std::size_t>(field)];
      all.insert(all.end(), column.begin(), column.end());
      RETORT_TRY(const auto packed, packColumn(all));
      RETORT_CHECK(put.bind(1, field).bind(2, segment).bind(3, static_cast<std::int64_t>(all.size())).bindBlob(4, packed).run());
    }
    return {};
  }

  Status writeFamilies() {
    RETORT_TRY(auto put, m_db.prepare("INSERT OR REPLACE INTO family(code,system,founder,template) VALUES(?,?,?,?)"));
    RETORT_TRY(auto value, m_db.prepare("INSERT OR REPLACE INTO value(field,code,text,note) VALUES(?,?,?,?)"));
    for (auto& group : m_tree.groups()) {
      if (!group.isChanged) continue;
      auto [system, isNew] = m_systemCodes.emplace(*group.systemText, static_cast<std::int64_t>(m_systemCodes.size()) + 1);
      if (isNew) RETORT_CHECK(value.bind(1, std::int64_t(-1)).bind(2, system->second).bindText(3, *group.systemText).bindText(4, {}).run());
      const std::string tmpl = group.isOther ? "other" : group.tmpl();
      // Most templates are still their founder: kept once.
      RETORT_CHECK(put.bind(1, group.code).bind(2, system->second).bindText(3, group.founder).bindText(4, tmpl == group.founder ? std::string() : tmpl).run());
      RETORT_CHECK(value.bind(1, std::int64_t(static_cast<int>(DerivedField::family))).bind(2, group.code).bindText(3, group.id() + "/" + systemId(*group.systemText)).bindText(4, familyName(group)).run());
      group.isChanged = false;
    }
    return {};
  }

  Status write(std::uint32_t first, std::uint32_t end) {
    RETORT_TRY(auto transaction, store::Transaction::begin(m_db));
    RETORT_CHECK(writeColumns(first));
    RETORT_CHECK(writeFamilies());
    RETORT_TRY(auto value, m_db.prepare("INSERT INTO value(field,code,text,note) VALUES(?,?,?,?)"));
    for (int field = 0; field < kDerivedFields; ++field) {
      for (const auto& [code, text] : m_dictionaries[static_cast<std::size_t>(field)].fresh)
        RETORT_CHECK(value.bind(1, std::int64_t(field)).bind(2, code).bindText(3, text.first).bindText(4, text.second).run());
      m_dictionaries[static_cast<std::size_t>(field)].fresh.clear();
    }
    RETORT_TRY(auto root, m_db.prepare("INSERT OR IGNORE INTO root(h,id) VALUES(?,?)"));
    for (const auto& [hash, id] : m_roots) RETORT_CHECK(root.bind(1, hash).bind(2, std::int64_t(id)).run());
    m_roots.clear();
    // The window alone: what is older than a day cannot be gone on from.
    RETORT_CHECK(m_db.exec("DELETE FROM conv"));
    RETORT_TRY(auto call, m_db.prepare("INSERT OR REPLACE INTO conv(id,t,end,alone,root,step) VALUES(?,?,?,?,?,?)"));
    for (const auto& c : m_links.window())
      RETORT_CHECK(call.bind(1, std::int64_t(c.id)).bind(2, c.timeUs).bind(3, static_cast<std::int64_t>(c.end)).bind(4, static_cast<std::int64_t>(c.alone)).bind(5, std::int64_t(c.root)).bind(6, c.step).run());
    RETORT_CHECK(m_db.exec("INSERT OR REPLACE INTO state VALUES('upto'," + std::to_string(end) + ")"));
    return transaction.commit();
  }

  const LogStore& m_store;
  store::Database m_db;
  const providers::PriceTable& m_prices;
  std::uint32_t m_upTo = 0;
  DeriveSummary m_summary;
  std::array<Dictionary, kDerivedFields> m_dictionaries;
  std::array<std::vector<std::int64_t>, kDerivedFields> m_columns;
  std::unordered_map<std::uint64_t, std::int64_t> m_systemsSeen;
  std::unordered_map<std::uint64_t, std::pair<std::string, std::string>> m_maskedSystems;
  std::unordered_map<std::string, std::int64_t> m_systemCodes;
  std::unordered_map<std::string, std::span<const providers::Price>> m_priceOf;
  std::unordered_set<std::int64_t> m_prompts;
  FamilyTree m_tree;
  ConversationLinks m_links;
  std::vector<Chained> m_chains;
  std::vector<std::pair<std::int64_t, std::uint32_t>> m_roots;
  simdjson::dom::parser m_dom;
  std::string m_line;
};

}  // namespace

namespace {

/// After an import a job does this by itself: who asks for it meanwhile waits, and then finds little left to do.
Result<FileLock> lockWhenFree(const std::filesystem::path& path, std::stop_token stop) {
  while (true) {
    RETORT_TRY(auto lock, FileLock::tryLock(path, hostName()));
    if (lock) return std::move(*lock);
    if (stop.stop_requested()) return cancelledError("Working out derived fields");
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

}  // namespace

Result<DeriveSummary> deriveFields(const std::filesystem::path& folder, const providers::PriceTable& prices, std::stop_token stop, const ProgressFn& progress) {
  const double began = monotonicSeconds();
  RETORT_TRY(const auto store, LogStore::open(folder / "logs.db"));
  RETORT_TRY(const auto lock, lockWhenFree(folder / "derived.db.lock", stop));
  RETORT_TRY(auto db, openDerived(folder, true));
  const auto end = static_cast<std::uint32_t>(store->derivedProgress().of);
  Pass pass(*store, std::move(db), prices);
  RETORT_CHECK(pass.load(store->generation()));
  ProgressMeter meter(progress, "Working out derived fields", "records", end);
  while (pass.upTo() < end) {
    if (stop.stop_requested()) return cancelledError("Working out derived fields");
    const std::uint64_t segmentEnd = ((std::uint64_t(pass.upTo()) >> kColumnShift) + 1) << kColumnShift;
    RETORT_CHECK(pass.batch(static_cast<std::uint32_t>(std::min<std::uint64_t>(end, segmentEnd)), stop));
    if (progress) meter.at(pass.upTo());
  }
  if (progress) meter.finish();
  pass.finish();
  DeriveSummary summary = pass.summary();
  summary.of = end;
  summary.seconds = monotonicSeconds() - began;
  return summary;
}

}  // namespace retort::logs

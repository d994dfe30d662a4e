// Reading derived.db: one field at a time, when it is first asked for.
#include "logs/derived_fields.h"

#include <algorithm>
#include <unordered_map>

#include "base/format.h"
#include "base/hash.h"

namespace retort::logs {

struct DerivedFields::Shared {
  std::mutex mutex;
  store::Database db;
  explicit Shared(store::Database d) : db(std::move(d)) {}
};

namespace {

std::optional<DerivedField> fieldOf(std::string_view name) {
  for (int i = 0; i < kDerivedFields; ++i)
    if (!name.empty() && kDerived[static_cast<std::size_t>(i)].name == name) return static_cast<DerivedField>(i);
  return std::nullopt;
}

const DerivedFieldInfo& infoOf(DerivedField field) { return kDerived[static_cast<std::size_t>(field)]; }

/// First 48 bits of an id's 12 hex digits; nothing when it is none.
std::optional<std::int64_t> hashOfText(std::string_view text) {
  if (text.size() != 12) return std::nullopt;
  const auto bytes = fromHex(text);
  if (!bytes.ok()) return std::nullopt;
  std::int64_t h = 0;
  for (const char c : *bytes) h = h << 8 | static_cast<unsigned char>(c);
  return h;
}

}  // namespace

Result<std::shared_ptr<const DerivedFields>> DerivedFields::refreshed(const std::shared_ptr<const DerivedFields>& before, const std::filesystem::path& folder,
                                                                      const Snapshot& snapshot) {
  const std::shared_ptr<const DerivedFields> none;
  std::error_code error;
  if (!std::filesystem::exists(folder / "derived.db", error)) return none;
  std::shared_ptr<Shared> shared = before ? before->m_shared : nullptr;
  if (!shared) {
    auto db = openDerived(folder, false);
    if (!db.ok()) return none;
    shared = std::make_shared<Shared>(std::move(*db));
  }
  std::lock_guard lock(shared->mutex);
  const auto version = shared->db.dataVersion();
  if (!version.ok()) return none;
  if (before && before->m_version == *version) return before;
  auto made = std::make_shared<DerivedFields>();
  made->m_shared = shared;
  made->m_version = *version;
  const auto upTo = shared->db.integer("SELECT value FROM state WHERE name='upto'");
  const auto generation = shared->db.integer("SELECT value FROM state WHERE name='generation'");
  if (!upTo.ok() || !generation.ok() || !*upTo || generation->value_or(-2) != std::max<std::int64_t>(0, snapshot.generation)) return none;
  made->m_upTo = static_cast<std::uint32_t>(std::clamp<std::int64_t>(**upTo, 0, snapshot.end));
  return std::shared_ptr<const DerivedFields>(std::move(made));
}

std::vector<std::pair<std::string, bool>> DerivedFields::names() const {
  std::vector<std::pair<std::string, bool>> out;
  for (const auto& info : kDerived)
    if (info.kind == DerivedFieldInfo::Kind::text) out.emplace_back(std::string(info.name), true);
  return out;
}

Result<std::shared_ptr<const ExtraColumn>> DerivedFields::codes(DerivedField field) const {
  std::lock_guard lock(m_mutex);
  auto& known = m_columns[static_cast<int>(field)];
  if (known) return known;
  auto made = std::make_shared<ExtraColumn>();
  made->scale = infoOf(field).scale;
  std::lock_guard dbLock(m_shared->mutex);
  RETORT_TRY(auto query, m_shared->db.prepare("SELECT seg,n,b FROM seg WHERE field=? ORDER BY seg"));
  query.bind(1, std::int64_t(static_cast<int>(field)));
  while (made->values.size() < m_upTo) {
    RETORT_TRY(const bool row, query.step());
    if (!row) break;
    if (static_cast<std::uint64_t>(query.integer(0)) << kColumnShift != made->values.size() || query.integer(1) < 0 || query.integer(1) > (1 << kColumnShift))
      return Error{"logs.derived.damaged", "The derived fields are damaged", {}, {}, "Delete derived.db; retort-cli logs derive makes it anew.", {}, {}};
    RETORT_TRY(auto values, unpackColumn(query.blob(2), static_cast<std::size_t>(query.integer(1))));
    values.resize(std::min<std::size_t>(values.size(), m_upTo - made->values.size()));
    made->values.append(values);
  }
  known = std::move(made);
  return known;
}

Result<std::shared_ptr<const ExtraColumn>> DerivedFields::column(std::string_view name) const {
  const auto field = fieldOf(name);
  if (!field || infoOf(*field).kind != DerivedFieldInfo::Kind::number) return std::shared_ptr<const ExtraColumn>();
  return codes(*field);
}

Result<std::shared_ptr<const SnapshotKey>> DerivedFields::textKey(DerivedField field) const {
  RETORT_TRY(const auto column, codes(field));
  auto key = std::make_shared<SnapshotKey>();
  key->name = infoOf(field).name;
  key->isBuiltIn = true;
  std::vector<std::string> texts;
  std::vector<std::int64_t> families;                  // of @family: code of the system's `other`
  {
    std::lock_guard dbLock(m_shared->mutex);
    RETORT_TRY(auto query, m_shared->db.prepare("SELECT code,text FROM value WHERE field=? ORDER BY code"));
    query.bind(1, std::int64_t(static_cast<int>(field)));
    while (true) {
      RETORT_TRY(const bool row, query.step());
      if (!row) break;
      const auto code = query.integer(0);
      if (code < 0 || code > (1 << 24)) continue;
      if (texts.size() <= static_cast<std::size_t>(code)) texts.resize(static_cast<std::size_t>(code) + 1);
      texts[static_cast<std::size_t>(code)] = query.text(1);
    }
  }
  std::vector<std::vector<std::uint32_t>> ids(texts.size());
  for (std::uint32_t id = 0; id < column->values.size(); ++id) {
    const auto code = column->values.at(id);
    if (code >= 0 && static_cast<std::size_t>(code) < ids.size()) ids[static_cast<std::size_t>(code)].push_back(id);
  }
  if (field == DerivedField::family) {
    // Families of few records are the system's "other": decided here, as they grow.
    std::map<std::string, std::vector<std::uint32_t>> others;
    for (std::size_t code = 0; code < ids.size(); ++code) {
      const auto slash = texts[code].find('/');        // stored as "family/system"
      const std::string system = slash == std::string::npos ? std::string() : texts[code].substr(slash + 1);
      const bool isOther = texts[code].starts_with("other/");
      if (slash != std::string::npos) texts[code].resize(slash);
      if (ids[code].size() >= kFewRecords && !isOther) continue;
      auto& rest = others["other:" + system];
      rest.insert(rest.end(), ids[code].begin(), ids[code].end());
      ids[code].clear();
    }
    for (auto& [text, list] : others) {
      std::sort(list.begin(), list.end());
      texts.push_back(text);
      ids.push_back(std::move(list));
    }
  }
  for (std::size_t code = 0; code < ids.size(); ++code) {
    if (ids[code].empty()) continue;
    IdSet set = IdSet::of(ids[code]);
    set.optimise();
    key->all |= set;
    key->values.push_back({std::make_shared<const std::string>(texts[code]), static_cast<std::int64_t>(code), std::make_shared<const IdSet>(std::move(set))});
  }
  key->distinct = key->values.size();
  key->index();
  return std::shared_ptr<const SnapshotKey>(std::move(key));
}

Result<std::shared_ptr<const SnapshotKey>> DerivedFields::conversationKey() const {
  RETORT_TRY(const auto column, codes(DerivedField::conversation));
  auto key = std::make_shared<SnapshotKey>();
  key->name = "@conversation";
  key->isBuiltIn = key->isHigh = true;
  key->all = column->values.present();
  return std::shared_ptr<const SnapshotKey>(std::move(key));
}

Result<std::shared_ptr<const SnapshotKey>> DerivedFields::key(std::string_view name, bool isBuiltIn) const {
  const std::shared_ptr<const SnapshotKey> none;
  const auto field = fieldOf(name);
  if (!field || !isBuiltIn || infoOf(*field).kind == DerivedFieldInfo::Kind::number) return none;
  {
    std::lock_guard lock(m_mutex);
    if (const auto known = m_keys.find(static_cast<int>(*field)); known != m_keys.end()) return known->second;
  }
  auto made = *field == DerivedField::conversation ? conversationKey() : textKey(*field);
  if (!made.ok()) return made;
  std::lock_guard lock(m_mutex);
  return m_keys[static_cast<int>(*field)] = *made;
}

Result<IdSet> DerivedFields::idsOf(std::string_view name, std::string_view value) const {
  const auto hash = name == "@conversation" ? hashOfText(value) : std::nullopt;
  if (!hash) return IdSet();
  std::vector<std::int64_t> roots;
  {
    std::lock_guard dbLock(m_shared->mutex);
    RETORT_TRY(auto query, m_shared->db.prepare("SELECT id FROM root WHERE h=?"));
    query.bind(1, *hash);
    while (true) {
      RETORT_TRY(const bool row, query.step());
      if (!row) break;
      roots.push_back(query.integer(0));
    }
  }
  RETORT_TRY(const auto column, codes(DerivedField::conversation));
  IdSet ids;
  for (const auto root : roots) ids |= column->values.range(root, root);
  return ids;
}

Result<std::string> DerivedFields::describe(std::string_view field, std::string_view value) const {
  const auto which = fieldOf(field);
  if (!which) return std::string();
  if (*which == DerivedField::family && value.starts_with("other")) return std::string("(other prompts)");
  std::lock_guard dbLock(m_shared->mutex);
  RETORT_TRY(auto query, m_shared->db.prepare(*which == DerivedField::family ? "SELECT note FROM value WHERE field=? AND text LIKE ?||'/%' ESCAPE '\\' LIMIT 1"
                                                                              : "SELECT note FROM value WHERE field=? AND text=? LIMIT 1"));
  query.bind(1, std::int64_t(static_cast<int>(*which))).bindText(2, value);
  RETORT_TRY(const bool row, query.step());
  return row ? std::string(query.text(0)) : std::string();
}

Result<std::string> DerivedFields::conversationText(std::uint32_t root) const {
  std::lock_guard dbLock(m_shared->mutex);
  RETORT_TRY(auto query, m_shared->db.prepare("SELECT h FROM root WHERE id=?"));
  query.bind(1, std::int64_t(root));
  RETORT_TRY(const bool row, query.step());
  if (!row) return std::string();
  char text[16];
  std::snprintf(text, sizeof text, "%012llx", static_cast<unsigned long long>(query.integer(0)));
  return std::string(text);
}

}  // namespace retort::logs

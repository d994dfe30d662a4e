// Bedrock's invocation logs, and what a map names, as SQL expressions.
#include "logs/remote_mapping.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/format.h"
#include "logs/record.h"

namespace retort::logs {

namespace {

std::string either(const std::vector<std::string>& conditions, std::string_view word) {
  std::vector<std::string> given;
  for (const auto& condition : conditions)
    if (!condition.empty()) given.push_back(condition);
  if (given.empty()) return {};
  return given.size() == 1 ? given[0] : "(" + join(given, " " + std::string(word) + " ") + ")";
}
std::string allOf(const std::vector<std::string>& conditions) { return either(conditions, "AND"); }
std::string anyOf(const std::vector<std::string>& conditions) { return either(conditions, "OR"); }

using Path = std::vector<std::string>;

/// Reads members of a record, be it a text or a row of columns. What was asked for is remembered, so that each record is parsed once for
/// all of it.
class Reader {
 public:
  Reader(const RemoteLayout& layout, const SqlDialect& dialect) : m_layout(layout), d(dialect) {}

  /// JSON below a record, one name below the other; `isOurs`: names of the format (not of people), which a store of columns may know in lower case.
  [[nodiscard]] std::string at(Path path, bool isOurs = true) {
    if (isText()) return piece("record", path);
    if (isOurs && m_layout.isLower)
      for (auto& name : path) name = lowerAscii(name);
    const auto* column = find(path.front());
    if (!column) return d.nothing();
    const auto root = d.jsonOfColumn(d.name(column->name), column->type);
    return piece(root, {path.begin() + 1, path.end()}, path.front());
  }
  /// What stands there, without taking it out: bodies are large.
  [[nodiscard]] std::string isObjectAt(const Path& path) {
    if (const auto type = typeAt(path); !type.empty()) return d.isObjectType(type);
    return d.isObject(at(path));
  }
  [[nodiscard]] std::string isMissingAt(const Path& path) {
    if (const auto type = typeAt(path); !type.empty()) return d.isMissingType(type);
    return d.isMissing(at(path));
  }
  [[nodiscard]] bool hasColumn(std::string_view name) const { return isText() || find(m_layout.isLower ? lowerAscii(name) : std::string(name)); }
  [[nodiscard]] bool isText() const { return !m_layout.textColumn.empty(); }

  /// What was asked for as columns, in stages that build on each other.
  [[nodiscard]] std::vector<std::vector<std::pair<std::string, std::string>>> parts() const {
    std::vector<std::pair<std::string, std::string>> whole, pieces;
    int n = 0;
    for (const auto& [root, asked] : m_asked) {
      std::vector<Path> paths;
      for (const auto& [path, alias] : asked) paths.push_back(path);
      const auto all = d.membersBelow(root, paths);
      const std::string name = "at_" + std::to_string(++n);
      if (all) whole.emplace_back(name, *all);
      std::size_t i = 0;
      for (const auto& [path, alias] : asked) {
        pieces.emplace_back(alias, all ? d.element(name, i) : d.below(root, path));
        ++i;
      }
    }
    if (isText()) {
      std::vector<Path> typed;
      for (const auto& [path, alias] : m_typed) {
        pieces.emplace_back(alias, d.element("types_of", typed.size()));
        typed.push_back(path);
      }
      if (!typed.empty()) whole.emplace_back("types_of", *d.typesBelow("record", typed));
      if (const auto keys = d.keysBelow("record", holders())) whole.emplace_back("keys_of", *keys);
    }
    return {std::move(whole), std::move(pieces), m_model};
  }

  /// False where an object on the way to anything that was asked for names a member twice: an import takes the last one.
  [[nodiscard]] std::string isOnce() const {
    if (!isText()) return {};
    std::vector<std::string> once;
    const auto all = holders();
    const bool isTogether = d.keysBelow("record", all).has_value();
    for (std::size_t i = 0; i < all.size(); ++i)
      if (const auto twice = isTogether ? d.isTwiceIn(d.element("keys_of", i)) : d.isTwice(d.below("record", all[i])); !twice.empty()) once.push_back("NOT coalesce(" + twice + ", false)");
    return ::retort::logs::allOf(once);
  }

  /// A field of text: NULL where it is missing, empty or no text.
  [[nodiscard]] RemoteField textField(const std::string& json) const {
    return {FieldType::text, "nullif(" + d.textOf(json) + ", '')", anyOf({d.isMissing(json), d.isText(json)})};
  }
  /// Times are sure in the ISO form; anything else may be a number in one of four units.
  [[nodiscard]] RemoteField timeField(const std::string& json) const {
    return {FieldType::time, d.timeOf(d.textOf(json)), anyOf({d.isMissing(json), d.matches(d.textOf(json), kTimePattern)})};
  }
  /// What people wrote: texts, whole numbers and truth values are read alike everywhere.
  [[nodiscard]] RemoteField valueField(const std::string& json) const { return {FieldType::text, d.textOf(json), anyOf({d.isMissing(json), d.isPlain(json)})}; }

  /// normaliseModel() and the alias table, in a column of its own because it is named often.
  [[nodiscard]] std::string modelOf(const std::string& raw) {
    std::vector<std::string> regions(std::begin(kModelRegions), std::end(kModelRegions));
    std::string normal = d.replaced(raw, "^arn:([^:]*:){4}((foundation-model|inference-profile)/)?", "");
    normal = d.replaced(normal, "^(" + join(regions, "|") + R"()[.]([^.]*[.]))", "\\2");
    normal = d.replaced(normal, R"(:[0-9]+k\z)", "");
    m_model = {{"model_id", raw}, {"model_name", normal}};
    if (!m_layout.aliases || m_layout.aliases->isEmpty()) return "model_name";
    std::map<std::string, std::vector<std::string>> names;
    for (const auto& [name, model] : m_layout.aliases->exact()) names[model].push_back(d.text(name));
    std::string cases = "CASE";
    for (const char* value : {"model_id", "model_name"})
      for (const auto& [model, all] : names) cases += std::string(" WHEN ") + value + " IN (" + join(all, ", ") + ") THEN " + d.text(model);
    for (const auto& [prefix, model] : m_layout.aliases->patterns())
      cases += " WHEN " + d.startsWith("model_id", d.text(prefix)) + " OR " + d.startsWith("model_name", d.text(prefix)) + " THEN " + d.text(model);
    return cases + " ELSE model_name END";
  }

 private:
  [[nodiscard]] const RemoteColumn* find(std::string_view name) const {
    const auto found = std::find_if(m_layout.columns.begin(), m_layout.columns.end(), [&](const RemoteColumn& column) { return column.name == name; });
    return found == m_layout.columns.end() ? nullptr : &*found;
  }
  /// The column that will hold it.
  std::string piece(const std::string& root, const Path& path, const std::string& before = {}) {
    auto [place, isNew] = m_asked[root].try_emplace(path);
    if (isNew) {
      std::string name = before.empty() ? std::string() : "/" + before;
      for (const auto& step : path) name += "/" + step;
      place->second = d.name(name);
    }
    return place->second;
  }
  /// The column that will hold the type of it; "" where the engine has no such call.
  std::string typeAt(const Path& path) {
    if (!isText() || !d.typesBelow("record", {path})) return {};
    auto [place, isNew] = m_typed.try_emplace(path);
    if (isNew) place->second = d.name("type of /" + join(path, "/"));
    return place->second;
  }
  /// The objects on the way to every piece of a text, the record first.
  [[nodiscard]] std::vector<Path> holders() const {
    std::set<Path> all;
    for (const auto& [root, asked] : m_asked)
      for (const auto& [path, alias] : asked)
        for (std::size_t n = 0; n < path.size(); ++n) all.emplace(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(n));
    for (const auto& [path, alias] : m_typed)
      for (std::size_t n = 0; n < path.size(); ++n) all.emplace(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(n));
    return {all.begin(), all.end()};
  }

  const RemoteLayout m_layout;
  const SqlDialect& d;
  std::map<std::string, std::map<Path, std::string>> m_asked;   ///< by root: what is below it, and its name
  std::map<Path, std::string> m_typed;                          ///< of a text: paths whose type is asked for
  std::vector<std::pair<std::string, std::string>> m_model;
};

/// The record is not known: nothing is said in SQL.
class NoMapping : public RemoteMapping {
 public:
  [[nodiscard]] std::vector<std::vector<std::pair<std::string, std::string>>> parts() const override { return {}; }
  [[nodiscard]] std::string isRecord() override { return "false"; }
  [[nodiscard]] std::optional<RemoteField> field(std::string_view, bool) override { return std::nullopt; }
};

/// readBedrock(), as far as it can be said in SQL. Where a count or a stop reason is told by the answer alone and not in the form of
/// Converse, the row is left to the import.
class BedrockMapping : public RemoteMapping {
 public:
  BedrockMapping(const RemoteLayout& layout, const SqlDialect& dialect) : r(layout, dialect), d(dialect) {}

  [[nodiscard]] std::vector<std::vector<std::pair<std::string, std::string>>> parts() const override { return r.parts(); }

  [[nodiscard]] std::string isRecord() override {
    std::vector<std::string> keys = {r.isMissingAt({"schemaType"}), d.isText(r.at({"requestId"})), d.isText(r.at({"modelId"}))};
    for (const char* name : {"traceId", "trace_id"})
      if (r.hasColumn(name)) keys.push_back(r.isMissingAt({name}));
    return allOf({anyOf({d.textOf(r.at({"schemaType"})) + " = 'ModelInvocationLog'", allOf(keys)}), r.isObjectAt({"input"}),
                  anyOf({r.isMissingAt({"requestMetadata"}), r.isObjectAt({"requestMetadata"})}), anyOf({r.isMissingAt({"output"}), r.isObjectAt({"output"})}), r.isOnce()});
  }

  [[nodiscard]] std::optional<RemoteField> field(std::string_view name, bool isBuiltIn) override {
    if (!isBuiltIn) return metadata(name);
    static constexpr std::pair<std::string_view, std::string_view> kTexts[] = {{"@region", "region"}, {"@op", "operation"}, {"@error", "errorCode"}, {"@model.raw", "modelId"}};
    for (const auto& [field, member] : kTexts)
      if (field == name) return r.textField(r.at({std::string(member)}));
    if (name == "@model") {
      auto out = r.textField(r.at({"modelId"}));
      out.value = r.modelOf(out.value);
      return out;
    }
    if (name == "@source") return RemoteField{FieldType::text, d.text("bedrock"), {}};
    if (name == "@time") return r.timeField(r.at({"timestamp"}));
    if (name == "@input_tokens") return inputTokens();
    if (name == "@output_tokens") return count(r.at({"output", "outputTokenCount"}), {"outputTokens"});
    if (name == "@cached_tokens") return count(r.at({"input", "cacheReadInputTokenCount"}), {"cacheReadInputTokens", "cacheReadInputTokenCount"});
    if (name == "@latency") return latency();
    if (name == "@stop") return stop();
    if (name == "@status") return status();
    return std::nullopt;
  }

 private:
  [[nodiscard]] RemoteField metadata(std::string_view key) {
    const auto holder = r.at({"requestMetadata"});
    const auto value = d.member(holder, key);
    auto out = r.valueField(value);
    // Of a doubled key the last value that is not null counts.
    if (const auto twice = d.isTwice(holder); !twice.empty())
      out.isSure = allOf({out.isSure, "NOT coalesce(" + (d.readsLast() ? twice + " AND " + value + " IS NOT NULL AND " + d.isMissing(value) : twice) + ", false)"});
    return out;
  }

  /// Below the answer.
  static Path inAnswer(std::initializer_list<std::string_view> steps) {
    Path path = {"output", "outputBodyJson"};
    path.insert(path.end(), steps.begin(), steps.end());
    return path;
  }
  [[nodiscard]] std::string answer(std::string_view name) { return r.at(inAnswer({name})); }
  [[nodiscard]] std::string answer(std::string_view name, std::string_view inner) { return r.at(inAnswer({name, inner})); }
  /// No answer at all: neither here nor in another object.
  [[nodiscard]] std::string hasNoAnswer() { return allOf({r.isMissingAt(inAnswer({})), r.isMissingAt({"output", "outputBodyS3Path"})}); }
  [[nodiscard]] std::string hasAnswer() { return r.isObjectAt(inAnswer({})); }
  /// The answer holds nothing from which an import would take counts or times.
  [[nodiscard]] std::string tellsNothing() {
    std::vector<std::string> none = {hasAnswer()};
    for (const char* name : {"usage", "prompt_token_count", "generation_token_count", "inputTextTokenCount", "results", "amazon-bedrock-invocationMetrics"}) none.push_back(r.isMissingAt(inAnswer({name})));
    return allOf(none);
  }

  /// A count of the envelope, else one of the answer's `usage` as Converse names it.
  [[nodiscard]] RemoteField count(const std::string& envelope, const std::vector<std::string>& spellings) {
    std::vector<std::string> values = {d.integerOf(envelope)};
    for (const auto& name : spellings) values.push_back(d.integerOf(answer("usage", name)));
    const auto inUsage = allOf({hasAnswer(), d.integerOf(answer("usage", spellings[0])) + " >= 0"});
    return {FieldType::number, "coalesce(" + join(values, ", ") + ")", anyOf({d.integerOf(envelope) + " >= 0", allOf({d.isMissing(envelope), anyOf({hasNoAnswer(), inUsage, tellsNothing()})})})};
  }

  [[nodiscard]] RemoteField inputTokens() {
    const auto plain = r.at({"input", "inputTokenCount"}), read = r.at({"input", "cacheReadInputTokenCount"}), written = r.at({"input", "cacheWriteInputTokenCount"});
    const auto isCount = [&](const std::string& json) { return anyOf({d.isMissing(json), d.integerOf(json) + " >= 0"}); };
    return {FieldType::number, d.integerOf(plain) + " + coalesce(" + d.integerOf(read) + ", 0) + coalesce(" + d.integerOf(written) + ", 0)",
            allOf({isCount(read), isCount(written), anyOf({d.integerOf(plain) + " >= 0", allOf({d.isMissing(plain), anyOf({hasNoAnswer(), tellsNothing()})})})})};
  }

  [[nodiscard]] RemoteField latency() {
    const auto ms = answer("metrics", "latencyMs");
    return {FieldType::number, d.integerOf(ms), anyOf({hasNoAnswer(), allOf({hasAnswer(), anyOf({d.integerOf(ms) + " >= 0", allOf({d.isMissing(ms), tellsNothing()})})})})};
  }

  [[nodiscard]] RemoteField stop() {
    const auto converse = answer("stopReason"), other = answer("stop_reason");
    std::map<std::string_view, std::vector<std::string>> words;
    for (const auto& [word, meaning] : kStopWords) words[meaning].push_back(d.text(word));
    const auto raw = "coalesce(nullif(" + d.textOf(converse) + ", ''), nullif(" + d.textOf(other) + ", ''))";
    std::string cases = "CASE";
    for (const auto& [meaning, list] : words) cases += " WHEN lower(" + raw + ") IN (" + join(list, ", ") + ") THEN " + d.text(meaning);
    cases += " WHEN " + raw + " IS NOT NULL THEN 'unknown' END";
    const auto isWord = [&](const std::string& json) { return anyOf({d.isMissing(json), d.isText(json)}); };
    return {FieldType::text, cases, anyOf({hasNoAnswer(), allOf({hasAnswer(), raw + " IS NOT NULL", isWord(converse), isWord(other), r.isMissingAt(inAnswer({"amazon-bedrock-guardrailAction"}))})})};
  }

  [[nodiscard]] RemoteField status() {
    const auto isError = "nullif(" + d.textOf(r.at({"errorCode"})) + ", '') IS NOT NULL";
    const auto isWhole = allOf({hasAnswer(), r.isObjectAt(inAnswer({"output", "message"})), d.isText(r.at(inAnswer({"output", "message", "role"}))),
                                r.isMissingAt(inAnswer({"output", "message", "kwargs"})), "NOT " + r.isMissingAt({"input", "inputBodyJson"})});
    return {FieldType::text, "CASE WHEN " + isError + " THEN 'error' WHEN " + hasNoAnswer() + " THEN 'incomplete' ELSE 'ok' END", anyOf({isError, hasNoAnswer(), isWhole})};
  }

  Reader r;
  const SqlDialect& d;
};

/// What a forced map names.
class MapMapping : public RemoteMapping {
 public:
  MapMapping(const RemoteLayout& layout, const SqlDialect& dialect) : r(layout, dialect), d(dialect), m_map(*layout.map) {}
  [[nodiscard]] std::vector<std::vector<std::pair<std::string, std::string>>> parts() const override { return r.parts(); }
  [[nodiscard]] std::string isRecord() override { return r.isText() ? allOf({d.isObject("record"), r.isOnce()}) : std::string("true"); }

  [[nodiscard]] std::optional<RemoteField> field(std::string_view name, bool isBuiltIn) override {
    if (!isBuiltIn) return metadata(name);
    static constexpr std::pair<std::string_view, std::string_view> kTexts[] = {{"@region", "region"}, {"@op", "operation"}, {"@error", "error"}, {"@model.raw", "model"}, {"@model", "model"}};
    for (const auto& [field, member] : kTexts)
      if (field == name) {
        auto out = at(member, &Reader::textField);
        if (out && name == "@model") out->value = r.modelOf(out->value);
        return out;
      }
    if (name == "@source") return RemoteField{FieldType::text, d.text(m_map.name()), {}};
    if (name == "@time") return at("time", &Reader::timeField);
    static constexpr std::pair<std::string_view, std::string_view> kCounts[] = {{"@input_tokens", "input_tokens"}, {"@output_tokens", "output_tokens"}, {"@cached_tokens", "cached_tokens"}};
    for (const auto& [field, member] : kCounts)
      if (field == name) return countAt(member);
    return std::nullopt;
  }

 private:
  /// A value and the conditions under which its holders are objects.
  struct Place {
    std::string json;
    std::vector<std::string> isSure;
  };
  [[nodiscard]] std::optional<Place> placeOf(const JsonPath& path) {
    const auto names = path.members();
    if (!names || names->empty()) return std::nullopt;
    // A name with dots may be one column of a flat table.
    const std::string flat = join(*names, ".");
    if (!r.isText() && names->size() > 1 && r.hasColumn(flat)) return Place{r.at({flat}, false), {}};
    Place place{r.at(*names, false), {}};
    // JSON in a text is unpacked by an import, not here.
    for (std::size_t n = 1; n < names->size(); ++n) {
      const Path holder(names->begin(), names->begin() + static_cast<std::ptrdiff_t>(n));
      if (r.isText()) place.isSure.push_back(anyOf({r.isMissingAt(holder), r.isObjectAt(holder)}));
      else place.isSure.push_back(anyOf({d.isMissing(r.at(holder, false)), d.isObject(r.at(holder, false))}));
    }
    if (r.isText() && names->size() > 1) place.isSure.push_back(d.isMissing(r.at({flat}, false)));
    return place;
  }

  /// The first of a field's paths that holds something.
  [[nodiscard]] std::optional<RemoteField> at(std::string_view name, RemoteField (Reader::*read)(const std::string&) const) {
    const auto paths = m_map.pathsOf(name);
    // Of several paths the first one is read here; where it is empty, an import looks further.
    if (paths.empty()) return (r.*read)(d.nothing());
    const auto place = placeOf(paths[0]);
    if (!place) return std::nullopt;
    auto out = (r.*read)(place->json);
    auto sure = place->isSure;
    sure.push_back(out.isSure);
    if (paths.size() > 1) sure.push_back("NOT " + d.isMissing(place->json));
    out.isSure = allOf(sure);
    return out;
  }

  [[nodiscard]] std::optional<RemoteField> countAt(std::string_view name) {
    const auto paths = m_map.pathsOf(name);
    if (paths.size() != 1) return std::nullopt;   // what the answer says counts too
    const auto place = placeOf(paths[0]);
    if (!place) return std::nullopt;
    auto sure = place->isSure;
    sure.push_back(d.integerOf(place->json) + " >= 0");
    return RemoteField{FieldType::number, d.integerOf(place->json), allOf(sure)};
  }

  [[nodiscard]] std::optional<RemoteField> metadata(std::string_view key) {
    constexpr std::string_view kMostValue = "4096";   // bytes; longer ones are left out by an import
    std::optional<Place> found;
    const JsonPath* all = nullptr;
    for (const auto& [name, path] : m_map.metadata()) {
      if (name == "*") all = &path;
      else if (name == key) found = placeOf(path);
    }
    if (found && all) return std::nullopt;   // whichever comes last counts
    if (!found && all) {
      found = placeOf(*all);
      if (!found || key.find('.') != std::string_view::npos) return std::nullopt;   // a key with a dot may be two names
      found->isSure.push_back(anyOf({d.isMissing(found->json), d.isObject(found->json)}));
      if (const auto twice = d.isTwice(found->json); !twice.empty()) found->isSure.push_back("NOT coalesce(" + twice + ", false)");
      found->json = d.member(found->json, key);
    }
    if (!found) return r.valueField(d.nothing());
    auto out = r.valueField(found->json);
    auto sure = found->isSure;
    sure.push_back(out.isSure);
    sure.push_back("coalesce(length(" + out.value + "), 0) <= " + std::string(kMostValue) + " / 4");
    out.isSure = allOf(sure);
    return out;
  }

  Reader r;
  const SqlDialect& d;
  const FieldMap& m_map;
};

}  // namespace

std::unique_ptr<RemoteMapping> mappingOf(const RemoteLayout& layout, const SqlDialect& dialect) {
  if (layout.map) return std::make_unique<MapMapping>(layout, dialect);
  if (layout.format == "bedrock") return std::make_unique<BedrockMapping>(layout, dialect);
  return std::make_unique<NoMapping>();
}

}  // namespace retort::logs

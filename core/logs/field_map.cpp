// Reading maps, and records by them.
#include "logs/field_map.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/files.h"
#include "base/format.h"
#include "base/hash.h"
#include "logs/body_parser.h"

namespace retort::logs {

using dom::get;
using dom::Maybe;
using dom::str;
using dom::strOr;

namespace {

constexpr std::string_view kSchema = "retort.map/1";

Error badMap(std::string_view where, std::string why) {
  return Error{"logs.map.wrong", "The map " + shown(where) + " cannot be used", {}, std::move(why), "See resources/maps for examples.", {}, {}};
}

bool isNameChar(char c) { return c != '.' && c != '[' && c != '"'; }

/// A text that holds an object or a list, unpacked.
Maybe unpackedText(const Maybe& value, dom::ParserPool& pool) {
  const auto text = str(value);
  if (!text || text->empty() || (text->front() != '{' && text->front() != '[')) return value;
  const auto inner = pool.parse(*text);
  return inner ? inner : value;
}

}  // namespace

Result<JsonPath> JsonPath::parse(std::string_view text, std::string_view where) {
  const std::string whole(text);
  JsonPath path;
  if (text.starts_with('$')) text.remove_prefix(1);
  if (text.starts_with('.')) text.remove_prefix(1);
  while (!text.empty()) {
    Step step;
    if (text.front() == '[') {
      const auto end = text.find(']');
      const auto inside = text.substr(1, end == std::string_view::npos ? end : end - 1);
      if (end == std::string_view::npos) return badMap(where, "the path " + shown(whole) + " has no closing bracket");
      if (inside.size() >= 2 && inside.front() == '"' && inside.back() == '"') {
        step.member = inside.substr(1, inside.size() - 2);
      } else {
        step.isIndex = true;
        const auto [stop, error] = std::from_chars(inside.data(), inside.data() + inside.size(), step.index);
        if (error != std::errc() || stop != inside.data() + inside.size()) return badMap(where, "the path " + shown(whole) + " has no number in its brackets");
      }
      text.remove_prefix(end + 1);
    } else if (text.front() == '"') {
      const auto end = text.find('"', 1);
      if (end == std::string_view::npos) return badMap(where, "the path " + shown(whole) + " has no closing quote");
      step.member = text.substr(1, end - 1);
      text.remove_prefix(end + 1);
    } else {
      const auto end = static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), isNameChar) - text.begin());
      step.member = text.substr(0, end);
      if (end == 0) return badMap(where, "the path " + shown(whole) + " has an empty name");
      text.remove_prefix(end);
    }
    if (text.starts_with('.')) {
      text.remove_prefix(1);
      if (text.empty()) return badMap(where, "the path " + shown(whole) + " ends with a dot");
    }
    path.m_steps.push_back(std::move(step));
  }
  if (path.m_steps.size() > 32) return badMap(where, "the path " + shown(whole) + " has more than 32 steps");
  return path;
}

Maybe JsonPath::find(const Maybe& root, dom::ParserPool& pool) const {
  Maybe at = root;
  for (std::size_t i = 0; i < m_steps.size() && at; ++i) {
    const Step& step = m_steps[i];
    if (i > 0) at = unpackedText(at, pool);
    if (!step.isIndex) {
      // A name with dots may be one key of a flat record.
      auto next = get(at, step.member);
      if (!next && i + 1 < m_steps.size() && dom::isObject(at)) {
        std::string flat = step.member;
        for (std::size_t j = i + 1; j < m_steps.size() && !m_steps[j].isIndex && !next; ++j) {
          flat += "." + m_steps[j].member;
          if ((next = get(at, flat))) i = j;
        }
      }
      at = next;
      continue;
    }
    std::int64_t size = 0, n = 0;
    dom::forEach(at, [&](const Maybe&) { ++size; });
    const auto wanted = step.index < 0 ? size + step.index : step.index;
    Maybe found;
    dom::forEach(at, [&](const Maybe& item) {
      if (n++ == wanted) found = item;
    });
    at = found;
  }
  return at;
}

std::optional<std::vector<std::string>> JsonPath::members() const {
  std::vector<std::string> names;
  for (const auto& step : m_steps) {
    if (step.isIndex) return std::nullopt;
    names.push_back(step.member);
  }
  return names;
}

std::vector<JsonPath> FieldMap::pathsOf(std::string_view field) const {
  const auto found = std::find_if(m_fields.begin(), m_fields.end(), [&](const auto& f) { return f.first == field; });
  return found == m_fields.end() ? std::vector<JsonPath>() : found->second;
}

Result<FieldMap> FieldMap::parse(const Json& json, std::string_view where) {
  FieldMap map;
  ObjectReader reader(json, std::string(where));
  std::string schema;
  reader.required("schema", schema).required("name", map.m_name).optional("words", map.m_words);
  const Json* recognise = reader.member("recognise");
  const Json* only = reader.member("only");
  const Json* fields = reader.member("fields", true);
  const Json* metadata = reader.member("metadata");
  reader.member("comment");
  RETORT_CHECK(reader.finish());
  if (schema != kSchema) return badMap(where, "its schema is " + shown(schema) + ", not " + std::string(kSchema));
  if (map.m_name.empty() || map.m_name.size() > 64 || map.m_name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") != std::string::npos)
    return badMap(where, "its name must be small letters, digits, - and _");
  const auto paths = [&](const Json& value, std::vector<JsonPath>& to) -> Status {
    const Json list = value.is_array() ? value : Json::array({value});
    for (const auto& item : list) {
      if (!item.is_string()) return badMap(where, "a path is no text");
      RETORT_TRY(auto path, JsonPath::parse(item.get_ref<const std::string&>(), where));
      to.push_back(std::move(path));
    }
    return {};
  };
  if (recognise) RETORT_CHECK(paths(*recognise, map.m_recognise));
  if (only) {
    ObjectReader inner(*only, std::string(where) + ": only");
    std::string path;
    inner.required("path", path);
    const Json* values = inner.member("in", true);
    RETORT_CHECK(inner.finish());
    RETORT_CHECK(paths(Json(path), map.m_onlyPath));
    if (!values->is_array()) return badMap(where, "only.in is no list");
    for (const auto& value : *values) map.m_only.push_back(value.is_string() ? value.get<std::string>() : dumpJson(value));
  }
  if (!fields->is_object() || fields->empty()) return badMap(where, "fields names no field");
  for (const auto& [name, value] : fields->items()) {
    if (std::find(std::begin(kMapFields), std::end(kMapFields), name) == std::end(kMapFields)) {
      std::vector<std::string> all(std::begin(kMapFields), std::end(kMapFields));
      return badMap(where, "there is no field " + shown(name) + "; there are " + join(all, ", "));
    }
    map.m_fields.emplace_back(name, std::vector<JsonPath>());
    RETORT_CHECK(paths(value, map.m_fields.back().second));
  }
  const bool hasPrompt = std::any_of(map.m_fields.begin(), map.m_fields.end(), [](const auto& f) { return f.first == "messages"; });
  if (!hasPrompt) return badMap(where, "fields does not say where the messages (or the prompt's text) are");
  if (metadata) {
    if (!metadata->is_object()) return badMap(where, "metadata is no object");
    for (const auto& [key, value] : metadata->items()) {
      if (!value.is_string()) return badMap(where, "a metadata path is no text");
      RETORT_TRY(auto path, JsonPath::parse(value.get_ref<const std::string&>(), where));
      map.m_metadata.emplace_back(key, std::move(path));
    }
  }
  map.m_hash = sha256Hex(dumpJson(json)).substr(0, 16);
  return map;
}

Result<FieldMap> FieldMap::load(const std::filesystem::path& file) {
  RETORT_TRY(const auto json, readJsonFile(file, 1u << 20));
  return parse(json, file.filename().string());
}

bool FieldMap::fits(const Maybe& root, dom::ParserPool& pool) const {
  return !m_recognise.empty() && std::all_of(m_recognise.begin(), m_recognise.end(), [&](const JsonPath& path) { return path.find(root, pool).has_value(); });
}

Maybe FieldMap::field(const Reading& reading, std::string_view name) const {
  for (const auto& [field, paths] : m_fields)
    if (field == name)
      for (const auto& path : paths)
        if (const auto value = path.find(reading.root, reading.pool); value && !value->is_null()) return value;
  return std::nullopt;
}

bool FieldMap::read(const Reading& reading) const {
  Call& call = reading.call;
  Record& r = call.record;
  if (!m_onlyPath.empty()) {
    const auto value = m_onlyPath[0].find(reading.root, reading.pool);
    const std::string text = str(value) ? std::string(*str(value)) : dom::minified(value);
    if (std::find(m_only.begin(), m_only.end(), text) == m_only.end()) return reading.noCall();
  }
  const auto at = [&](std::string_view name) { return field(reading, name); };
  const auto text = [&](std::string_view name) {
    const auto value = at(name);
    return str(value) ? std::string(*str(value)) : dom::isObject(value) || dom::isArray(value) ? std::string() : dom::minified(value);
  };
  const auto millis = [&](std::optional<std::int64_t>& to, std::string_view ms, std::string_view s) {
    if (const auto value = realOf(at(ms)); value && *value >= 0 && *value < 1e10) to = std::llround(*value);
    else if (const auto seconds = realOf(at(s)); seconds && *seconds >= 0 && *seconds < 1e7) to = std::llround(*seconds * 1000);
  };
  r.requestId = text("request_id");
  r.timeUs = timeOf(at("time"));
  r.modelRaw = text("model");
  r.operation = text("operation");
  r.region = text("region");
  r.account = text("account");
  if (const auto system = text("system"); !system.empty()) {
    Message message;
    message.role = "system";
    message.text = system;
    call.messages.push_back(std::move(message));
  }
  readPromptOf(call, at("messages"), reading.pool);
  if (const auto worse = at("dispreferred")) {
    readAnswerOf(call, worse, reading.pool);
    call.dispreferred = std::move(call.answer);
    call.answer.reset();
  }
  if (const auto answer = at("answer")) readAnswerOf(call, answer, reading.pool);
  else takeAnswerFromMessages(call);
  if (const auto tools = reading.pool.unwrapped(at("tools")); dom::isArray(tools))
    dom::forEach(tools, [&](const Maybe& tool) {
      const auto f = get(tool, "function") ? get(tool, "function") : tool;
      if (const auto name = strOr(get(f, "name")); !name.empty())
        call.tools.push_back({std::string(name), std::string(strOr(get(f, "description"))), dom::minified(anyOf(f, {"parameters", "input_schema"}))});
    });
  if (const auto parameters = at("parameters")) readParametersOf(call, reading.pool.unwrapped(parameters));
  setCount(r.inputTokens, at("input_tokens"));
  setCount(r.outputTokens, at("output_tokens"));
  setCount(r.cachedTokens, at("cached_tokens"));
  millis(r.latencyMs, "latency_ms", "latency_s");
  millis(r.ttftMs, "ttft_ms", "ttft_s");
  setDurations(r, r.timeUs, timeOf(at("first")), timeOf(at("end")));
  r.cost = realOf(at("cost"));
  setStop(call, at("stop"));
  r.errorCode = text("error");
  r.reason = text("reason");
  r.parser = "map";
  for (const auto& [key, path] : m_metadata) {
    const auto value = path.find(reading.root, reading.pool);
    if (key == "*") addMembers(call, reading.pool.unwrapped(value));
    else addMetadata(call, key, value);
  }
  return hasContent(call) || reading.fail(RejectReason::missingField, "the map " + m_name + " finds no messages here");
}

Result<FieldMaps> FieldMaps::load(const std::filesystem::path& workspaceFolder, const std::filesystem::path& shippedFolder) {
  FieldMaps maps;
  for (const auto& folder : {workspaceFolder, shippedFolder}) {
    std::vector<std::filesystem::path> files;
    std::error_code error;
    for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
      if (it->path().extension() == ".json") files.push_back(it->path());
    std::sort(files.begin(), files.end());
    for (const auto& file : files) {
      RETORT_TRY(auto map, FieldMap::load(file));
      maps.m_maps.push_back(std::move(map));
    }
  }
  return maps;
}

const FieldMap* FieldMaps::find(const Maybe& root) const {
  thread_local dom::ParserPool pool;
  pool.reset();
  for (const auto& map : m_maps)
    if (map.fits(root, pool)) return &map;
  return nullptr;
}

std::vector<const FieldMap*> FieldMaps::all() const {
  std::vector<const FieldMap*> maps;
  for (const auto& map : m_maps) maps.push_back(&map);
  return maps;
}

Status rememberMap(const std::filesystem::path& workspaceFolder, const std::filesystem::path& file) {
  RETORT_TRY(const auto json, readJsonFile(file, 1u << 20));
  RETORT_TRY(const auto map, FieldMap::parse(json, file.filename().string()));
  RETORT_CHECK(makeFolders(workspaceFolder));
  return writeJsonFile(workspaceFolder / (map.name() + ".json"), json);
}

}  // namespace retort::logs

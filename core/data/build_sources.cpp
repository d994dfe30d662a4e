// Candidates from the log store and from files; labels.
#include "data/build_sources.h"

#include <algorithm>
#include <cerrno>
#include <fstream>

#include "base/clock.h"
#include "base/format.h"
#include "data/rows_input.h"
#include "data/selection.h"
#include "logs/derive.h"
#include "logs/derived_fields.h"
#include "logs/log_store.h"
#include "logs/remote_import.h"

namespace retort::data {
namespace {

/// Why a record's prompt cannot be used, or empty.
std::string_view whyNoPrompt(const logs::Record& record) {
  if (record.messages.empty()) return record.has(logs::kBodyExternal) ? "body is stored elsewhere" : "no prompt in the record";
  if (record.has(logs::kImages)) return "holds images";
  if (record.messages.back().value("role", "") == "assistant") return "the prompt ends with an assistant turn";
  return {};
}

/// Of each conversation the call of the highest step (of several, branches of equal length, the latest): its messages hold the others'.
/// Derived fields are brought up to date first. Records without a conversation stand for themselves.
Result<std::vector<std::uint32_t>> lastCalls(const Workspace& workspace, const std::filesystem::path& logsDb, logs::LogStore& store, const std::vector<std::uint32_t>& ids,
                                             std::stop_token stop, const ProgressFn& progress) {
  if (const auto p = store.derivedProgress(); p.done < p.of) {
    RETORT_TRY(const auto prices, providers::PriceTable::load(&workspace));
    RETORT_TRY(const auto summary, logs::deriveFields(logsDb.parent_path(), prices, stop, progress));
    (void)summary;
    RETORT_TRY(const bool changed, store.refresh());
    (void)changed;
  }
  const auto derived = store.derived();
  if (!derived) return Error{"data.build.unit", "Conversations are not known", {}, "the derived fields could not be read", "Run: retort-cli logs derive.", {}, {}};
  RETORT_TRY(const auto roots, derived->codes(logs::DerivedField::conversation));
  RETORT_TRY(const auto steps, derived->codes(logs::DerivedField::step));
  std::map<std::int64_t, std::uint32_t> last;
  std::vector<std::uint32_t> kept;
  for (const auto id : ids) {
    const auto root = id < roots->values.size() ? roots->values.at(id) : logs::kNoValue;
    if (root == logs::kNoValue) {
      kept.push_back(id);
      continue;
    }
    const auto [it, isNew] = last.emplace(root, id);
    if (!isNew && steps->values.at(id) >= steps->values.at(it->second)) it->second = id;
  }
  for (const auto& [root, id] : last) kept.push_back(id);
  std::sort(kept.begin(), kept.end());
  return kept;
}

}  // namespace

Json withSystem(const Json& messages, const std::string& system) {
  if (system == "keep") return messages;
  Json out = Json::array();
  if (system != "none") out.push_back({{"role", "system"}, {"content", system}});
  for (const auto& message : messages)
    if (message.value("role", "") != "system") out.push_back(message);
  return out;
}

Result<Candidates> candidatesFromStore(const Workspace& workspace, const BuildOptions& options, std::stop_token stop, const ProgressFn& progress) {
  Candidates found;
  RETORT_TRY(const auto filter, logs::parseFilter(options.filter));
  found.filter = logs::printFilter(filter);
  RETORT_TRY(const auto store, logs::LogStore::open(options.store.empty() ? workspace.logsDb() : options.store));
  RETORT_TRY(auto ids, store->ids(filter, stop));
  found.matched = static_cast<std::int64_t>(ids.size());
  if (options.unit == "conversation") {
    RETORT_TRY(ids, lastCalls(workspace, options.store.empty() ? workspace.logsDb() : options.store, *store, ids, stop, progress));
    if (const auto left = found.matched - static_cast<std::int64_t>(ids.size()); left > 0) found.leftOut["held by a later call of its conversation"] = left;
  }
  RETORT_TRY(auto keys, store->requestKeys(ids));
  RETORT_TRY(const auto selection, saveSelection(workspace, options.name, found.filter, std::move(keys)));
  found.selection = selection.id;
  found.selectionSha256 = selection.sha256;
  RETORT_TRY(found.queries, logs::queriesOf(options.store.empty() ? workspace.logsDb() : options.store, ids));
  ProgressMeter meter(progress, "Reading records", "records", found.matched);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (stop.stop_requested()) return cancelledError("Building the dataset");
    RETORT_TRY(auto record, store->record(ids[i]));
    meter.at(static_cast<std::int64_t>(i));
    if (const auto why = whyNoPrompt(record); !why.empty()) {
      ++found.leftOut[std::string(why)];
      continue;
    }
    Candidate c;
    c.id = record.requestId;
    c.timeUs = record.timeUs;
    c.model = record.model;
    if (record.isTrainable() && record.answer.is_object()) c.answer = std::move(record.answer);
    if (record.tools.is_array() && !record.tools.empty()) c.tools = std::move(record.tools);
    c.messages = std::move(record.messages);
    c.source = {{"request", c.id}};
    if (const std::string* value = options.group.empty() ? nullptr : record.metadataValue(options.group)) c.groupValue = *value;
    found.items.push_back(std::move(c));
  }
  meter.finish();
  return found;
}

Result<Candidates> candidatesFromFile(const BuildOptions& options) {
  Candidates found;
  if (!trimmed(options.filter).empty())
    return Error{"data.build.filter", "A filter cannot be used with a file of rows", options.rows.string(), "filters choose records of the log store", "Leave the filter out, or import the file first.", {}, {}};
  RETORT_CHECK(readInput(options.rows, [&](InputRow&& row) -> Status {
    Candidate c;
    c.id = row.id.empty() ? "row-" + std::to_string(row.line) : row.id;
    c.timeUs = row.time.empty() ? std::nullopt : parseIsoTime(row.time);
    c.model = logs::normaliseModel(row.model);
    c.messages = std::move(row.messages);
    c.tools = std::move(row.tools);
    c.answer = std::move(row.answer);
    c.source = {{"file", options.rows.filename().string()}, {"line", row.line}};
    if (!options.group.empty() && row.metadata.contains(options.group)) {
      const Json& value = row.metadata[options.group];
      c.groupValue = value.is_string() ? value.get<std::string>() : value.dump();
    }
    ++found.matched;
    found.items.push_back(std::move(c));
    return {};
  }));
  return found;
}

Result<std::unordered_map<std::string, std::string>> readLabels(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return systemError("data.labels.open", "read", file.string(), errno != 0 ? errno : ENOENT);
  std::unordered_map<std::string, std::string> labels;
  std::string text;
  for (std::int64_t line = 1; std::getline(in, text); ++line) {
    if (trimmed(text).empty()) continue;
    const std::string where = file.string() + ", line " + std::to_string(line);
    RETORT_TRY(const Json json, parseJson(text, where));
    std::string id, label;
    for (const char* name : {"request_id", "requestId", "id"})
      if (id.empty() && json.is_object() && json.contains(name) && json[name].is_string()) id = json[name];
    for (const char* name : {"label", "reference", "answer"})
      if (label.empty() && json.is_object() && json.contains(name) && json[name].is_string()) label = json[name];
    if (id.empty() || label.empty())
      return Error{"data.labels.line", "A label cannot be read", where, "\"request_id\" and \"label\" are needed, both as text", {}, {}, {}};
    if (const auto [it, isNew] = labels.emplace(id, label); !isNew && it->second != label)
      return Error{"data.labels.conflict", "The request " + shown(id) + " has two labels", where, "\"" + shown(it->second) + "\" and \"" + shown(label) + "\"", "Keep one of them.", {}, {}};
  }
  return labels;
}

}  // namespace retort::data

// First retort.db remembers the ids, then the logs lose the records, then the folders. Every step may be done twice: a purge that was cut off is carried out again.
#include "data/purge.h"

#include <algorithm>
#include <fstream>
#include <unordered_set>

#include "base/clock.h"
#include "base/files.h"
#include "base/format.h"
#include "base/hash.h"
#include "data/dataset.h"
#include "data/selection.h"
#include "logs/log_store.h"
#include "logs/purge.h"
#include "logs/record.h"
#include "store/people_db.h"

namespace retort::data {
namespace {

using Ids = std::unordered_set<std::string>;

/// True when a row of the file comes from one of the records.
bool mentions(const fs::path& file, const Ids& ids) {
  std::ifstream in(file, std::ios::binary);
  std::string line;
  while (std::getline(in, line)) {
    const auto json = Json::parse(line, nullptr, false);
    if (!json.is_object()) continue;
    if (json.contains("id") && json["id"].is_string() && ids.contains(json["id"].get<std::string>())) return true;
    const auto source = json.find("source");
    if (source != json.end() && source->is_object())
      for (const char* name : {"request", "parent"})
        if (source->contains(name) && (*source)[name].is_string() && ids.contains((*source)[name].get<std::string>())) return true;
  }
  return false;
}

/// True when it lost rows now. The card is marked first: rows that a killed purge left are seen by its state.
Result<bool> purgeDataset(const Dataset& dataset, const Ids& ids) {
  const bool wasMarked = dataset.state == "purged";
  if (!wasMarked) {
    if (std::none_of(std::begin(kDatasetFiles), std::end(kDatasetFiles), [&](const auto name) { return mentions(dataset.folder / name, ids); })) return false;
    Json card = dataset.card;
    card["state"] = "purged";
    card["purged"] = isoUtc(utcMicros());
    RETORT_CHECK(writeJsonFile(dataset.folder / "card.json", card));
  }
  bool isTouched = !wasMarked;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(dataset.folder, error))
    if (entry.path().extension() == ".jsonl") isTouched = fs::remove(entry.path(), error) || isTouched;
  if (error) return systemError("data.purge.remove", "remove the rows of", dataset.folder.string(), error.value());
  return isTouched;
}

/// Folders whose JSON names one of the datasets: runs, jobs, reports and exports.
std::vector<std::string> descendantsOf(const Workspace& workspace, std::vector<std::string> names) {
  std::vector<std::string> out;
  std::error_code error;
  // What was made of a run of such a dataset is marked too: a second pass knows the runs.
  for (int pass = 0; pass < 2; ++pass)
    for (const auto& root : {workspace.runs(), workspace.jobs(), workspace.reports(), workspace.exports()})
      for (const auto& entry : fs::directory_iterator(root, error)) {
        const std::string name = root.filename().string() + "/" + entry.path().filename().string();
        if (!entry.is_directory(error) || std::find(out.begin(), out.end(), name) != out.end()) continue;
        for (const char* file : {"spec.json", "card.json", "report.json"}) {
          const auto text = readFile(entry.path() / file, 16u << 20);
          if (!text.ok() || std::none_of(names.begin(), names.end(), [&](const std::string& id) { return text->find(id) != std::string::npos; })) continue;
          out.push_back(name);
          names.push_back(entry.path().filename().string());
          break;
        }
      }
  return out;
}

/// Takes from a descendant what quotes rows: samples, answers row by row, their page, and what its process said. Curves and figures stay.
Status removeQuotes(const fs::path& folder) {
  if (FileLock::isHeld(folder / "lock"))
    return Error{"data.purge.busy", folder.filename().string() + " works on records that are being purged", folder.string(), {}, "Wait for it or cancel it, then call logs purge again: it goes on.", {}, {}};
  std::error_code error;
  for (const char* name : {"samples", "report.html", "rejected.jsonl", "worker.log"}) {
    fs::remove_all(folder / name, error);
    if (error) return systemError("data.purge.remove", "remove the texts of", folder.string(), error.value());
  }
  if (fs::exists(folder / "rows.jsonl", error)) RETORT_CHECK(writeFileAtomically(folder / "rows.jsonl", {}));
  const auto events = readFile(folder / "events.jsonl", 1u << 30);
  if (!events.ok()) return {};
  std::string kept;
  for (const auto line : splitView(*events, '\n')) {
    const auto event = Json::parse(line, nullptr, false);
    if (event.is_object() && event.value("type", std::string()) != "sample") kept.append(line).append("\n");
  }
  return kept.size() == events->size() ? Status() : writeFileAtomically(folder / "events.jsonl", kept);
}

/// Marks those that are not marked yet, and returns them.
Result<std::vector<std::string>> markDescendants(const Workspace& workspace) {
  std::vector<std::string> purged, marked;
  for (const auto& dataset : listDatasets(workspace))
    if (dataset.state == "purged") purged.push_back(dataset.id);
  std::error_code error;
  for (const auto& name : descendantsOf(workspace, purged)) {
    const fs::path folder = workspace.root() / name;
    if (fs::exists(folder / "purged.json", error)) continue;
    RETORT_CHECK(removeQuotes(folder));
    RETORT_CHECK(writeJsonFile(folder / "purged.json", {{"schema", "retort.purged/1"}, {"at", isoUtc(utcMicros())}, {"why", "made from a dataset whose records were purged"}}));
    marked.push_back(name);
  }
  return marked;
}

Result<std::vector<std::string>> purgeSelections(const Workspace& workspace, const std::vector<std::string>& keys) {
  const Ids gone(keys.begin(), keys.end());
  std::vector<std::string> touched;
  for (const auto& selection : listSelections(workspace)) {
    const fs::path keysFile = workspace.selections() / (selection.id + ".rid");
    const auto all = readFile(keysFile);
    if (!all.ok()) continue;
    std::string kept;
    for (std::size_t at = 0; at + store::kRequestKeyBytes <= all->size(); at += store::kRequestKeyBytes)
      if (const auto key = all->substr(at, store::kRequestKeyBytes); !gone.contains(key)) kept += key;
    if (kept.size() == all->size()) continue;
    const fs::path file = workspace.selections() / (selection.id + ".json");
    RETORT_TRY(Json json, readJsonFile(file));
    json["count"] = kept.size() / store::kRequestKeyBytes;
    json["sha256"] = sha256Hex(kept);
    RETORT_CHECK(writeJsonFile(file, json));
    RETORT_CHECK(writeFileAtomically(keysFile, kept));     // last: until then a killed purge finds its keys here again
    touched.push_back(selection.id);
  }
  return touched;
}

/// Folders that something was making, and was killed or is at it: hidden siblings of the finished ones.
void removeUnfinished(const Workspace& workspace) {
  std::error_code ignored;
  for (const auto& root : {workspace.datasets(), workspace.reports()})
    for (const auto& entry : fs::directory_iterator(root, ignored))
      if (entry.path().filename().string().starts_with(".")) fs::remove_all(entry.path(), ignored);
}

/// All that has to happen once retort.db holds the keys.
Status carryOut(const Workspace& workspace, store::PeopleDb& people, const store::PurgeTally& tally, PurgeReport& report, std::stop_token stop, const ProgressFn& progress) {
  RETORT_TRY(const auto keys, people.keysOfPurge(tally.id));
  RETORT_TRY(const auto gone, logs::purgeRecords(workspace.logsDb(), keys, stop, progress));
  report.bytes += gone.bytes;
  Ids requests;                                            // rows name them in one of two spellings
  for (const auto& key : keys)
    for (const bool isUuid : {false, true}) requests.insert(logs::requestKeyText(key, isUuid));
  removeUnfinished(workspace);
  std::int64_t datasets = 0;
  for (const auto& dataset : listDatasets(workspace)) {
    RETORT_TRY(const bool isTouched, purgeDataset(dataset, requests));
    if (!isTouched) continue;
    report.datasets.push_back(dataset.id);
    ++datasets;
  }
  RETORT_TRY(const auto selections, purgeSelections(workspace, keys));
  report.selections.insert(report.selections.end(), selections.begin(), selections.end());
  RETORT_TRY(const auto marked, markDescendants(workspace));
  report.descendants.insert(report.descendants.end(), marked.begin(), marked.end());
  // Answers of teachers are kept by their question: nobody can tell which of them were about a purged record.
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(workspace.cache(), ignored)) fs::remove_all(entry.path(), ignored);
  return people.finishPurge(tally.id, gone.bytes, datasets);
}

Status carryOutPending(const Workspace& workspace, store::PeopleDb& people, std::int64_t PurgeReport::*count, PurgeReport& report, std::stop_token stop, const ProgressFn& progress) {
  RETORT_TRY(const auto all, people.purges());
  for (const auto& tally : all) {
    if (tally.bytes != store::kPurgePending) continue;
    RETORT_CHECK(carryOut(workspace, people, tally, report, stop, progress));
    report.*count += tally.records;
  }
  return {};
}

}  // namespace

Result<PurgeReport> finishPurges(const Workspace& workspace, std::stop_token stop, const ProgressFn& progress) {
  PurgeReport report;
  std::error_code code;
  if (!fs::exists(workspace.retortDb(), code)) return report;
  RETORT_CHECK(workspace.requireWritable());
  RETORT_TRY(auto people, store::PeopleDb::open(workspace.retortDb()));
  RETORT_CHECK(carryOutPending(workspace, people, &PurgeReport::resumed, report, stop, progress));
  return report;
}

Result<PurgeReport> purge(const Workspace& workspace, const logs::Filter& filter, std::string_view reason, std::stop_token stop, const ProgressFn& progress) {
  RETORT_CHECK(workspace.requireWritable());
  if (filter.matchesAll())
    return Error{"data.purge.all", "A purge needs a filter", {}, "without one it would remove every record", "To remove everything, delete logs.db and the datasets.", {}, {}};
  RETORT_TRY(auto report, finishPurges(workspace, stop, progress));
  std::vector<std::string> keys;
  {
    RETORT_TRY(const auto store, logs::LogStore::open(workspace.logsDb()));
    RETORT_TRY(const auto ids, store->select(filter, stop));
    RETORT_TRY(keys, store->requestKeys(ids.toVector()));
  }
  if (keys.empty()) return report;
  RETORT_TRY(auto people, store::PeopleDb::open(workspace.retortDb()));
  RETORT_CHECK(people.beginPurge(keys, reason));
  RETORT_CHECK(carryOutPending(workspace, people, &PurgeReport::records, report, stop, progress));
  return report;
}

}  // namespace retort::data

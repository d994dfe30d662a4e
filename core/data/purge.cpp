// First retort.db remembers the ids, then the logs lose the records, then the folders: a crash in between only leaves work for the next call.
#include "data/purge.h"

#include <algorithm>
#include <fstream>
#include <unordered_set>

#include "base/clock.h"
#include "base/files.h"
#include "base/hash.h"
#include "data/dataset.h"
#include "data/selection.h"
#include "logs/log_store.h"
#include "logs/purge.h"
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

Result<bool> purgeDataset(const Dataset& dataset, const Ids& ids) {
  bool isTouched = false;
  for (const auto name : kDatasetFiles) isTouched = isTouched || mentions(dataset.folder / name, ids);
  if (!isTouched) return false;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(dataset.folder, error))
    if (entry.path().extension() == ".jsonl") fs::remove(entry.path(), error);
  if (error) return systemError("data.purge.remove", "remove the rows of", dataset.folder.string(), error.value());
  Json card = dataset.card;
  card["state"] = "purged";
  card["purged"] = isoUtc(utcMicros());
  RETORT_CHECK(writeJsonFile(dataset.folder / "card.json", card));
  return true;
}

/// Folders whose JSON names one of the datasets: runs, jobs, reports and exports.
std::vector<std::string> descendantsOf(const Workspace& workspace, const std::vector<std::string>& datasets) {
  std::vector<std::string> out;
  std::error_code error;
  std::vector<std::string> names = datasets;
  // What was made of a run of such a dataset is marked too: a second pass knows the runs.
  for (int pass = 0; pass < 2; ++pass)
    for (const auto& root : {workspace.runs(), workspace.reports(), workspace.exports()})
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

Result<std::vector<std::string>> purgeSelections(const Workspace& workspace, const std::vector<std::string>& keys) {
  const Ids gone(keys.begin(), keys.end());
  std::vector<std::string> touched;
  for (const auto& selection : listSelections(workspace)) {
    const auto all = selectionKeys(workspace, selection);
    if (!all.ok()) continue;
    std::string kept;
    std::int64_t n = 0;
    for (const auto& key : *all)
      if (!gone.contains(key)) kept += key, ++n;
    if (n == selection.count) continue;
    RETORT_CHECK(writeFileAtomically(workspace.selections() / (selection.id + ".rid"), kept));
    const fs::path file = workspace.selections() / (selection.id + ".json");
    RETORT_TRY(Json json, readJsonFile(file));
    json["count"] = n;
    json["sha256"] = sha256Hex(kept);
    RETORT_CHECK(writeJsonFile(file, json));
    touched.push_back(selection.id);
  }
  return touched;
}

}  // namespace

Result<PurgeReport> purge(const Workspace& workspace, const logs::Filter& filter, std::string_view reason, std::stop_token stop, const ProgressFn& progress) {
  RETORT_CHECK(workspace.requireWritable());
  if (filter.matchesAll())
    return Error{"data.purge.all", "A purge needs a filter", {}, "without one it would remove every record", "To remove everything, delete logs.db and the datasets.", {}, {}};
  PurgeReport report;
  logs::IdSet ids;
  std::vector<std::string> keys;
  {
    RETORT_TRY(const auto store, logs::LogStore::open(workspace.logsDb()));
    RETORT_TRY(ids, store->select(filter, stop));
    RETORT_TRY(keys, store->requestKeys(ids.toVector()));
  }
  if (ids.isEmpty()) return report;
  RETORT_TRY(auto people, store::PeopleDb::open(workspace.retortDb()));
  RETORT_CHECK(people.recordPurge(keys, {0, {}, std::string(reason), static_cast<std::int64_t>(keys.size()), 0, 0}));
  RETORT_TRY(const auto gone, logs::purgeRecords(workspace.logsDb(), ids, stop, progress));
  report.records = gone.records;
  report.bytes = gone.bytes;
  const Ids requests(gone.requestIds.begin(), gone.requestIds.end());
  for (const auto& dataset : listDatasets(workspace)) {
    RETORT_TRY(const bool touched, purgeDataset(dataset, requests));
    if (touched) report.datasets.push_back(dataset.id);
  }
  RETORT_TRY(report.selections, purgeSelections(workspace, gone.keys));
  report.descendants = descendantsOf(workspace, report.datasets);
  for (const auto& folder : report.descendants)
    RETORT_CHECK(writeJsonFile(workspace.root() / folder / "purged.json", {{"schema", "retort.purged/1"}, {"at", isoUtc(utcMicros())}, {"why", "made from a dataset whose records were purged"}}));
  // Answers of teachers are kept by their question: nobody can tell which of them were about a purged record.
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(workspace.cache(), ignored)) fs::remove_all(entry.path(), ignored);
  return report;
}

}  // namespace retort::data

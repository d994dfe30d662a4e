// Writing a derived dataset: rows, references, plan and card, complete by rename.
#include "lab/derive.h"

#include <algorithm>

#include "base/clock.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/ids.h"

namespace retort::lab {

namespace {

Result<std::int64_t> lineCount(const fs::path& file) {
  RETORT_TRY(const auto text, readFile(file));
  return static_cast<std::int64_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

Result<DatasetRows> readDatasetRows(const data::Dataset& dataset) {
  DatasetRows rows;
  RETORT_TRY(rows.train, job::readAllRows(dataset.folder / "train.jsonl"));
  RETORT_TRY(rows.validation, job::readAllRows(dataset.folder / "validation.jsonl"));
  RETORT_TRY(rows.test, job::readAllRows(dataset.folder / "test.jsonl"));
  RETORT_TRY(rows.golden, job::readAllRows(dataset.folder / "golden.jsonl"));
  return rows;
}

Result<data::Dataset> deriveDataset(const Workspace& workspace, const data::Dataset& parent, const DatasetRows& rows, const Derivation& d) {
  RETORT_CHECK(workspace.requireWritable());
  std::string id;
  RETORT_TRY(auto folder, beginProduct(workspace.datasets(), id));
  const auto& at = folder.path();
  RETORT_CHECK(job::writeRows(at / "train.jsonl", rows.train));
  RETORT_CHECK(job::writeRows(at / "validation.jsonl", rows.validation));
  RETORT_CHECK(job::writeRows(at / "test.jsonl", rows.test));
  RETORT_CHECK(job::writeRows(at / "golden.jsonl", rows.golden));
  for (const char* name : {"references.jsonl", "plan.json"}) {
    RETORT_TRY(const auto bytes, readFile(parent.folder / name));
    RETORT_CHECK(writeFileAtomically(at / name, bytes));
  }
  Json card = parent.card;
  std::vector<std::pair<std::string, std::string>> hashes;
  Json files = Json::object();
  for (const auto name : data::kDatasetFiles) {
    RETORT_TRY(const auto hash, sha256File(at / name));
    hashes.emplace_back(name, hash);
    std::error_code error;
    RETORT_TRY(const auto rowCount, lineCount(at / name));
    files[std::string(name)] = {{"rows", rowCount}, {"bytes", fs::file_size(at / name, error)}, {"sha256", hash}};
  }
  card["id"] = id;
  card["name"] = d.name;
  card["created"] = isoUtc(utcMicros());
  card["parent"] = {{"id", parent.id}, {"sha256", parent.sha256}, {"how", d.how}};
  card["sha256"] = data::datasetFingerprint(hashes);
  card["files"] = files;
  if (!d.teacher.empty()) card["teacher"] = d.teacher;
  if (!d.use.empty()) card["use"] = d.use;
  for (const auto& [key, value] : d.facts.items()) card[key] = value;
  Json counts = card.contains("counts") && card["counts"].is_object() ? card["counts"] : Json::object();
  counts["train"] = rows.train.size();
  counts["validation"] = rows.validation.size();
  counts["test"] = rows.test.size();
  counts["golden"] = rows.golden.size();
  card["counts"] = counts;
  RETORT_CHECK(writeJsonFile(at / "card.json", card));
  RETORT_CHECK(folder.commit());
  return data::loadDataset(workspace, id);
}

}  // namespace retort::lab

// Reading, listing, checking and re-planning datasets.
#include "data/dataset.h"

#include "base/clock.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/ids.h"
#include "job/row.h"

namespace retort::data {
namespace {

std::string nameOf(const Workspace& workspace, const std::string& id) {
  const auto card = readJsonFile(workspace.datasets() / id / "card.json");
  return card.ok() && card->is_object() ? card->value("name", std::string()) : std::string();
}

Result<Dataset> load(const Workspace& workspace, const std::string& id) {
  Dataset d;
  d.id = id;
  d.folder = workspace.datasets() / id;
  RETORT_TRY(d.card, readJsonFile(d.folder / "card.json"));
  Json counts = Json::object();
  std::string schema;
  ObjectReader reader(d.card, (d.folder / "card.json").string());
  reader.required("schema", schema).required("sha256", d.sha256).optional("name", d.name).optional("created", d.created).optional("use", d.use);
  reader.optional("teacher", d.teacher).optional("state", d.state).required("counts", counts);
  RETORT_CHECK(reader.finish(true));
  if (!schema.starts_with("retort.dataset/"))
    return Error{"data.dataset.schema", "The dataset " + id + " cannot be read", (d.folder / "card.json").string(), "its schema is " + shown(schema), {}, {}, {}};
  ObjectReader parts(counts, "card.json: counts");
  parts.optional("train", d.train).optional("validation", d.validation).optional("test", d.test).optional("golden", d.golden).optional("references", d.references);
  RETORT_CHECK(parts.finish(true));
  return d;
}

}  // namespace

Result<std::string> resolveDataset(const Workspace& workspace, std::string_view text) {
  return resolveProduct(workspace.datasets(), text, "dataset", [&](const std::string& id) { return nameOf(workspace, id); });
}

Result<Dataset> loadDataset(const Workspace& workspace, std::string_view text) {
  RETORT_TRY(const std::string id, resolveDataset(workspace, text));
  return load(workspace, id);
}

std::vector<Dataset> listDatasets(const Workspace& workspace) {
  std::vector<Dataset> all;
  for (const auto& id : listProducts(workspace.datasets())) {
    auto dataset = load(workspace, id);
    if (dataset.ok()) all.push_back(std::move(dataset).value());
  }
  return all;
}

Result<EvalPlan> loadPlan(const Dataset& dataset) {
  RETORT_TRY(const Json json, readJsonFile(dataset.folder / "plan.json"));
  return planFromJson(json, (dataset.folder / "plan.json").string());
}

std::string datasetFingerprint(const std::vector<std::pair<std::string, std::string>>& hashes) {
  Sha256 hash;
  for (const auto& [name, sha] : hashes) hash.update(name + " " + sha + "\n");
  return hash.hex();
}

Status verifyDataset(const Dataset& dataset) {
  std::vector<std::pair<std::string, std::string>> hashes;
  for (const auto& name : kDatasetFiles) {
    const fs::path file = dataset.folder / name;
    RETORT_TRY(const std::string sha, sha256File(file));
    const Json& files = dataset.card.contains("files") ? dataset.card["files"] : Json();
    const std::string expected = files.is_object() && files.contains(name) ? files[std::string(name)].value("sha256", "") : "";
    if (sha != expected)
      return Error{"data.dataset.changed", "The dataset " + dataset.id + " is not what was built", file.string(), "its SHA-256 differs from the card", "Build it again.", {}, {}};
    hashes.emplace_back(name, sha);
  }
  if (datasetFingerprint(hashes) != dataset.sha256)
    return Error{"data.dataset.changed", "The dataset " + dataset.id + " is not what was built", (dataset.folder / "card.json").string(), "its fingerprint does not fit its files", "Build it again.", {}, {}};
  return {};
}

Result<Dataset> withPlan(const Workspace& workspace, const Dataset& dataset, const EvalPlan& plan) {
  RETORT_CHECK(workspace.requireWritable());
  std::string id;
  RETORT_TRY(auto folder, beginProduct(workspace.datasets(), id));
  for (const auto& name : kDatasetFiles) {
    std::error_code failed;
    fs::create_hard_link(dataset.folder / name, folder.path() / name, failed);
    if (failed) fs::copy_file(dataset.folder / name, folder.path() / name, failed);
    if (failed) return systemError("data.dataset.link", "copied", (dataset.folder / name).string(), failed.value());
  }
  Json card = dataset.card;
  card["id"] = id;
  card["created"] = isoUtc(utcMicros());
  card["parent"] = dataset.id;
  card["plan_sha256"] = planHash(plan);
  RETORT_CHECK(writeJsonFile(folder.path() / "plan.json", toJson(plan)));
  RETORT_CHECK(writeJsonFile(folder.path() / "card.json", card));
  RETORT_CHECK(folder.commit());
  return load(workspace, id);
}

Result<std::vector<Reference>> loadReferences(const Dataset& dataset) {
  const fs::path file = dataset.folder / "references.jsonl";
  RETORT_TRY(const std::string text, readFile(file));
  std::vector<Reference> references;
  std::size_t number = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string where = file.string() + ", line " + std::to_string(++number);
    RETORT_TRY(const Json json, parseJson(std::string_view(text).substr(at, end - at), where));
    Reference r;
    ObjectReader reader(json, where);
    reader.required("id", r.id).required("reference", r.reference).optional("source", r.source);
    RETORT_CHECK(reader.finish(true));
    references.push_back(std::move(r));
    at = end + 1;
  }
  return references;
}

}  // namespace retort::data

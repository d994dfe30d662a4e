// Selections on disk.
#include "data/selection.h"

#include <algorithm>

#include "base/clock.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/ids.h"

namespace retort::data {
namespace {

constexpr std::string_view kSchema = "retort.selection/1";
constexpr std::size_t kKeyBytes = 16;

}  // namespace

Result<Selection> saveSelection(const Workspace& workspace, std::string_view name, std::string_view filter, std::vector<std::string> keys) {
  RETORT_CHECK(workspace.requireWritable());
  RETORT_CHECK(makeFolders(workspace.selections()));
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  std::string bytes;
  for (const auto& key : keys) bytes += key;
  Selection s{newId(), std::string(name), isoUtc(utcMicros()), std::string(filter), static_cast<std::int64_t>(keys.size()), sha256Hex(bytes)};
  while (fs::exists(workspace.selections() / (s.id + ".json"))) s.id = newId();
  // The keys first: a Selection whose .json stands is complete.
  RETORT_CHECK(writeFileAtomically(workspace.selections() / (s.id + ".rid"), bytes));
  RETORT_CHECK(writeJsonFile(workspace.selections() / (s.id + ".json"),
                             {{"schema", kSchema}, {"id", s.id}, {"name", s.name}, {"created", s.created}, {"filter", s.filter}, {"count", s.count}, {"sha256", s.sha256}}));
  return s;
}

Result<Selection> loadSelection(const Workspace& workspace, std::string_view id) {
  const fs::path file = workspace.selections() / (std::string(id) + ".json");
  RETORT_TRY(const Json json, readJsonFile(file));
  Selection s;
  std::string schema;
  ObjectReader reader(json, file.string());
  reader.required("schema", schema).required("id", s.id).optional("name", s.name).optional("created", s.created);
  reader.required("filter", s.filter).required("count", s.count).required("sha256", s.sha256);
  if (!reader.failed() && schema != kSchema) reader.fail("schema", "is not " + std::string(kSchema));
  RETORT_CHECK(reader.finish(true));
  return s;
}

Result<std::vector<std::string>> selectionKeys(const Workspace& workspace, const Selection& selection) {
  const fs::path file = workspace.selections() / (selection.id + ".rid");
  RETORT_TRY(const std::string bytes, readFile(file, 1ull << 36));
  if (bytes.size() != static_cast<std::size_t>(selection.count) * kKeyBytes || sha256Hex(bytes) != selection.sha256)
    return Error{"data.selection.changed", "The Selection " + selection.id + " cannot be used", file.string(), "its keys are not those that were written", "Make it again from its filter.", {}, {}};
  std::vector<std::string> keys;
  for (std::size_t at = 0; at < bytes.size(); at += kKeyBytes) keys.push_back(bytes.substr(at, kKeyBytes));
  return keys;
}

std::vector<Selection> listSelections(const Workspace& workspace) {
  std::vector<Selection> all;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(workspace.selections(), error)) {
    if (entry.path().extension() != ".json" || !isId(entry.path().stem().string())) continue;
    auto selection = loadSelection(workspace, entry.path().stem().string());
    if (selection.ok()) all.push_back(std::move(selection).value());
  }
  std::sort(all.begin(), all.end(), [](const Selection& a, const Selection& b) { return a.id < b.id; });
  return all;
}

}  // namespace retort::data

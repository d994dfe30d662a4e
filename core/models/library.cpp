// The model library on disk and the names that mean a model.
#include "models/library.h"

#include <algorithm>
#include <map>

#include "base/clock.h"
#include "base/files.h"
#include "base/format.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/paths.h"
#include "models/codecs.h"
#include "models/model_source.h"

namespace retort::models {
namespace {

constexpr std::string_view kSchema = "retort.model/1";

Json toJson(const LibraryEntry& entry) {
  return {{"schema", kSchema},       {"name", entry.name},     {"path", entry.path.string()}, {"format", entry.format}, {"family", entry.family},
          {"type", entry.storedType}, {"parameters", entry.parameters}, {"bytes", entry.bytes}, {"sha256", entry.sha256}, {"licence", entry.licence},
          {"added", entry.added}};
}

std::optional<LibraryEntry> fromFile(const fs::path& file, std::string where) {
  const auto json = readJsonFile(file, 1u << 20);
  if (!json.ok() || !json->is_object()) return std::nullopt;
  const auto text = [&](const char* key) { return json->contains(key) && (*json)[key].is_string() ? (*json)[key].get<std::string>() : std::string(); };
  const auto number = [&](const char* key) { return json->contains(key) && (*json)[key].is_number() ? (*json)[key].get<std::int64_t>() : std::int64_t{0}; };
  if (!text("schema").starts_with("retort.model/") || text("path").empty()) return std::nullopt;
  LibraryEntry entry{text("name"), text("path"), text("format"), text("family"), text("type"), number("parameters"),
                     static_cast<std::uint64_t>(number("bytes")), text("sha256"), text("licence"), text("added"), std::move(where)};
  std::error_code code;
  if (!fs::exists(entry.path, code)) entry.format.clear();
  return entry;
}

/// Fills the facts of an entry from the model itself; leaves them empty when it cannot be opened.
void describe(LibraryEntry& entry) {
  const auto model = openModel(entry.path);
  if (!model.ok()) return;
  entry.format = (*model)->format();
  entry.family = (*model)->config().family;
  entry.storedType = mainStoredType(**model);
  entry.parameters = (*model)->config().parameters();
  entry.bytes = (*model)->weightBytes();
  entry.licence = (*model)->licence();
}

bool looksLikeModel(const fs::path& path) {
  std::error_code code;
  return path.extension() == ".gguf" ? fs::is_regular_file(path, code) : fs::exists(path / "config.json", code);
}

std::string specName(const fs::path& folder) {
  const auto spec = readJsonFile(folder / "spec.json");
  return spec.ok() && spec->is_object() && spec->contains("name") && (*spec)["name"].is_string() ? (*spec)["name"].get<std::string>() : std::string();
}

/// The model inside an export folder: the folder itself, or its one GGUF file, or its hf/ folder.
std::optional<fs::path> modelOfExport(const fs::path& folder) {
  std::error_code code;
  for (const auto& candidate : {folder, folder / "hf"})
    if (fs::exists(candidate / "config.json", code)) return candidate;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder, code))
    if (entry.path().extension() == ".gguf") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files.empty() ? std::nullopt : std::optional(files.front());
}

}  // namespace

std::string libraryName(const fs::path& path) {
  const auto clean = path.filename().empty() ? path.parent_path() : path;
  std::string name = clean.extension() == ".gguf" ? clean.stem().string() : clean.filename().string();
  // The type at the end, after a dot or a dash ("-Q8_0", ".q4_k_m"), is not part of the name.
  if (const auto cut = name.find_last_of(".-"); clean.extension() == ".gguf" && cut != std::string::npos && cut > 0) {
    const std::string tail = lowerAscii(name.substr(cut + 1));
    const std::string base = tail.substr(0, tail.find("_k") == std::string::npos ? tail.size() : tail.find("_k") + 2);
    if (ggmlTypeFromName(base)) name.resize(cut);
  }
  return name;
}

std::string mainStoredType(const ModelSource& model) {
  std::map<std::string, std::int64_t> count;
  for (const auto& tensor : model.tensors())
    if (tensor.shape.size() == 2) ++count[tensor.storedType];
  const auto most = std::max_element(count.begin(), count.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == count.end() ? std::string() : most->first;
}

Library::Library(fs::path workspace) : m_workspace(std::move(workspace)) {}

std::vector<fs::path> Library::folders() const {
  std::vector<fs::path> out;
  if (!m_workspace.empty()) out.push_back(m_workspace / "models");
  out.push_back(userDataFolder() / "models");
  return out;
}

Result<LibraryEntry> Library::add(const fs::path& path, std::string_view name) const {
  std::error_code code;
  LibraryEntry entry;
  entry.path = fs::weakly_canonical(path, code);
  entry.name = name.empty() ? libraryName(entry.path) : std::string(name);
  if (entry.name.empty() || entry.name.find_first_of("/\\\n") != std::string::npos || entry.name.starts_with('.'))
    return Error{"models.library.name", "the model cannot be added", shown(entry.name), "this is no name for a file", "Give another one with --name", "", {}};
  RETORT_TRY(const auto model, openModel(entry.path));
  describe(entry);
  RETORT_TRY(entry.sha256, modelSha256(entry.path));
  entry.added = isoUtc(utcMicros());
  entry.where = m_workspace.empty() ? "user" : "workspace";
  const auto folder = folders().front();
  const auto file = folder / (entry.name + ".json");
  if (const auto old = fs::exists(file, code) ? fromFile(file, entry.where) : std::nullopt; old && old->sha256 != entry.sha256)
    return Error{"models.library.exists", "the model cannot be added as " + shown(entry.name), file.string(),
                 "another model has this name: " + old->path.string(), "Give another name with --name", "", {}};
  RETORT_CHECK(makeFolders(folder));
  RETORT_CHECK(writeJsonFile(file, toJson(entry)));
  return entry;
}

std::vector<LibraryEntry> Library::list() const {
  std::vector<LibraryEntry> out;
  std::error_code code;
  const auto taken = [&](const std::string& name) { return std::any_of(out.begin(), out.end(), [&](const auto& e) { return e.name == name; }); };
  for (const auto& folder : folders()) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder, code))
      if (entry.path().extension() == ".json") files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    for (const auto& file : files)
      if (auto entry = fromFile(file, folder == userDataFolder() / "models" ? "user" : "workspace"); entry && !taken(entry->name)) out.push_back(*entry);
  }
  std::vector<fs::path> lying;
  for (const auto& entry : fs::directory_iterator(userDataFolder() / "models", code))
    if (looksLikeModel(entry.path())) lying.push_back(entry.path());
  std::sort(lying.begin(), lying.end());
  if (const auto resources = resourcesFolder(); resources.ok() && looksLikeModel(*resources / "tiny")) lying.push_back(*resources / "tiny");
  for (const auto& path : lying) {
    LibraryEntry entry;
    entry.name = libraryName(path);
    entry.path = path;
    entry.where = path.parent_path() == userDataFolder() / "models" ? "found" : "built-in";
    if (taken(entry.name)) continue;
    describe(entry);
    out.push_back(std::move(entry));
  }
  return out;
}

Result<fs::path> Library::resolve(std::string_view text) const {
  std::error_code code;
  const fs::path direct{std::string(text)};
  if (!text.empty() && fs::exists(direct, code) && (text.find('/') != std::string_view::npos || looksLikeModel(direct))) return direct;
  // Names first without opening anything; list() would read every header.
  for (const auto& folder : folders()) {
    if (text.find('/') != std::string_view::npos) break;
    if (const auto entry = fs::exists(folder / (std::string(text) + ".json"), code) ? fromFile(folder / (std::string(text) + ".json"), "") : std::nullopt) {
      if (entry->format.empty())
        return Error{"models.library.gone", "model " + shown(text) + " cannot be opened", entry->path.string(), "the file is no longer there", "Put it back, or add the model again", "", {}};
      return entry->path;
    }
  }
  std::vector<std::string> names;
  std::vector<fs::path> lying;
  for (const auto& entry : fs::directory_iterator(userDataFolder() / "models", code))
    if (looksLikeModel(entry.path())) lying.push_back(entry.path());
  std::sort(lying.begin(), lying.end());
  if (const auto resources = resourcesFolder(); resources.ok() && looksLikeModel(*resources / "tiny")) lying.push_back(*resources / "tiny");
  for (const auto& path : lying) {
    if (libraryName(path) == text || path.filename() == text || path.stem() == text) return path;
    names.push_back(libraryName(path));
  }
  if (!m_workspace.empty()) {
    const auto run = resolveProduct(m_workspace / "runs", text, "run", [&](const std::string& id) { return specName(m_workspace / "runs" / id); });
    if (run.ok()) {
      const auto student = m_workspace / "runs" / *run / "student";
      if (looksLikeModel(student)) return student;
      return Error{"models.library.unfinished", "run " + *run + " has no student yet", student.string(), "the run has not saved one", "Wait until it is done, or resume it", "", {}};
    }
    if (run.error().code == "base.id.ambiguous") return run.error();
    const auto made = resolveProduct(m_workspace / "exports", text, "export", [](const std::string&) { return std::string(); });
    if (made.ok())
      if (const auto model = modelOfExport(m_workspace / "exports" / *made)) return *model;
  }
  if (!text.empty() && fs::exists(direct, code)) return direct;
  for (const auto& folder : folders())
    for (const auto& entry : fs::directory_iterator(folder, code))
      if (entry.path().extension() == ".json") names.push_back(entry.path().stem().string());
  const std::string near = nearestName(text, names);
  return Error{"models.library.unknown", "model " + shown(text) + " is unknown", "", "it is no path, no name of the library, no run and no export",
               near.empty() ? "See `retort-cli model list`" : "Did you mean " + near + "? See `retort-cli model list`", "", {}};
}

}  // namespace retort::models

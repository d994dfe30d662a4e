// Finding the student of an export and its provenance.
#include "exports/student.h"

#include <algorithm>

#include "base/files.h"
#include "base/ids.h"
#include "models/library.h"

namespace retort::exports {
namespace {

std::string fileName(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
    if (plain) out += c;
    else if (!out.empty() && out.back() != '-') out += '-';
  }
  while (!out.empty() && (out.back() == '-' || out.back() == '.')) out.pop_back();
  while (!out.empty() && out.front() == '.') out.erase(0, 1);
  return out.empty() ? "model" : out.substr(0, 96);
}

Json memberOf(const Json& object, const char* key) { return object.is_object() && object.contains(key) ? object[key] : Json(); }

/// The newest report that names this run, with its summary numbers.
Json reportOf(const fs::path& workspace, const std::string& run) {
  auto ids = listProducts(workspace / "reports");
  for (auto id = ids.rbegin(); id != ids.rend(); ++id) {
    const auto report = readJsonFile(workspace / "reports" / *id / "report.json");
    if (!report.ok() || report->dump(-1, ' ', false, Json::error_handler_t::replace).find(run) == std::string::npos) continue;
    Json out = {{"id", *id}};
    for (const char* key : {"metrics", "models", "columns", "verdict", "primary", "rows"})
      if (const Json value = memberOf(*report, key); !value.is_null() && value.dump().size() < 20000) out[key] = value;
    return out;
  }
  return nullptr;
}

Status addRun(const fs::path& workspace, const std::string& id, Student& student) {
  const auto folder = workspace / "runs" / id;
  RETORT_TRY(student.spec, readJsonFile(folder / "spec.json"));
  student.run = id;
  std::error_code code;
  if (fs::exists(folder / "adapter" / "adapter_config.json", code)) student.adapter = folder / "adapter";
  if (const Json name = memberOf(student.spec, "name"); name.is_string() && !name.get<std::string>().empty()) student.name = fileName(name.get<std::string>());
  else student.name = fileName("student-" + id);
  const Json data = memberOf(student.spec, "data");
  if (data.is_object()) {
    student.dataset = {{"id", memberOf(data, "dataset")}, {"sha256", memberOf(data, "sha256")}};
    if (const Json dataset = memberOf(data, "dataset"); dataset.is_string())
      if (const auto card = readJsonFile(workspace / "datasets" / dataset.get<std::string>() / "card.json"); card.ok()) student.dataset["name"] = memberOf(*card, "name");
  }
  student.report = reportOf(workspace, id);
  return {};
}

Status open(Student& student) {
  RETORT_TRY(student.source, models::openModel(student.path));
  RETORT_TRY(student.text, models::textParts(*student.source));
  RETORT_TRY(student.facts, factsOf(student.path, student.text));
  RETORT_TRY(student.sha256, models::modelSha256(student.path));
  return {};
}

}  // namespace

Result<Student> findStudent(const fs::path& workspace, std::string_view text) {
  Student student;
  RETORT_TRY(student.path, models::Library(workspace).resolve(text));
  student.name = fileName(models::libraryName(student.path));
  // A path inside runs/<id>/student names the run too.
  std::error_code code;
  const auto real = fs::weakly_canonical(student.path, code);
  const auto runs = workspace.empty() ? fs::path() : fs::weakly_canonical(workspace / "runs", code);
  if (!workspace.empty() && real.filename() == "student" && real.parent_path().parent_path() == runs)
    RETORT_CHECK(addRun(workspace, real.parent_path().filename().string(), student));
  RETORT_CHECK(open(student));
  return student;
}

Result<Student> studentFrom(const fs::path& model, const fs::path& adapter, std::string_view name) {
  Student student;
  student.path = model;
  student.adapter = adapter;
  student.name = fileName(name.empty() ? models::libraryName(model) : std::string(name));
  RETORT_CHECK(open(student));
  return student;
}

}  // namespace retort::exports

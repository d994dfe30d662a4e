// Making an export.
#include "exports/export.h"

#include <algorithm>

#include "base/clock.h"
#include "base/files.h"
#include "base/format.h"
#include "base/ids.h"
#include "exports/verify_checks.h"
#include "exports/write.h"

namespace retort::exports {
namespace {

constexpr std::size_t kRecorded = 4;   ///< answers kept for a verification elsewhere

Status writeGguf(const Student& student, const PlannedTarget& planned, const fs::path& file, const ExportOptions& options) {
  RETORT_TRY(const auto writer, ggufOf(student, planned.target));
  ProgressMeter meter(options.verify.progress, "Writing " + planned.path, "MB", static_cast<std::int64_t>(planned.bytes / 1'000'000));
  return writer.write(file, [&](std::uint64_t done) -> Status {
    meter.at(static_cast<std::int64_t>(done / 1'000'000));
    return options.verify.stop.stop_requested() ? Status(cancelledError("The export")) : Status();
  });
}

Status writeTarget(const Student& student, const PlannedTarget& planned, const fs::path& folder, const ExportOptions& options) {
  const fs::path path = folder / planned.path;
  switch (planned.target.kind) {
    case Kind::hf: return writeHf(student, path, modelCard(student), planned.target.type);
    case Kind::adapter: return writeAdapterCopy(student, path);
    case Kind::ggufAdapter: return writeGgufAdapter(student, path);
    case Kind::gguf: return writeGguf(student, planned, path, options);
    case Kind::bedrockImport:
      RETORT_CHECK(writeHf(student, path, modelCard(student), "bf16"));
      return writeFileAtomically(path / "IMPORT.md", bedrockImportNote(student));
    case Kind::ollama: break;
  }
  RETORT_CHECK(makeFolders(path));
  RETORT_CHECK(writeGguf(student, planned, modelFileOf(planned.target, path), options));
  RETORT_TRY(const auto text, modelfileOf(student, "model.gguf"));
  return writeFileAtomically(path / "Modelfile", text);
}

Json cardOf(const Student& student, const Plan& plan, const std::vector<FileHashes>& hashes, const std::string& id) {
  TextFacts facts = student.facts;
  while (!facts.tokens.empty() && facts.tokens.back() == "[PAD" + std::to_string(facts.tokens.size() - 1) + "]") facts.tokens.pop_back();
  Json artefacts = Json::array();
  for (std::size_t i = 0; i < plan.targets.size(); ++i) {
    Json files = Json::object();
    for (const auto& [file, hash] : hashes[i]) files[file] = hash;
    artefacts.push_back({{"format", plan.targets[i].target.format()}, {"path", plan.targets[i].path}, {"notes", plan.targets[i].notes}, {"sha256", files}, {"serve", serveCommands(plan.targets[i].target, plan.targets[i].path, student)}});
  }
  return {{"schema", kCardSchema}, {"id", id}, {"name", student.name}, {"created", isoUtc(utcMicros())},
          {"source", {{"run", student.run}, {"model", student.source->name()}, {"sha256", student.sha256}, {"format", student.source->format()}, {"parameters", student.source->config().parameters()}}},
          {"dataset", student.dataset}, {"spec", student.spec}, {"report", student.report}, {"licence", student.source->licence()}, {"text", facts.toJson()}, {"artefacts", artefacts}};
}

/// A few prompts with the answers of each artefact itself, so that the folder can be verified anywhere.
void record(const fs::path& folder, const Plan& plan, const ExportOptions& options, const std::vector<Prompt>& prompts, const std::vector<Answer>& studentAnswers, Json& recorded) {
  const std::size_t count = std::min(kRecorded, std::min(prompts.size(), studentAnswers.size()));
  std::vector<Prompt> kept(prompts.begin(), prompts.begin() + static_cast<std::ptrdiff_t>(count));
  for (std::size_t i = 0; i < count; ++i)
    recorded.push_back({{"id", kept[i].id}, {"messages", kept[i].messages}, {"tools", kept[i].tools}, {"ids", kept[i].ids}, {"student", studentAnswers[i].ids}, {"answers", Json::object()}});
  for (const auto& planned : plan.targets) {
    if (planned.target.isAdapter() || count == 0) continue;
    std::vector<Answer> answers(studentAnswers.begin(), studentAnswers.begin() + static_cast<std::ptrdiff_t>(count));
    if (planned.target.isQuantised()) {   // its own words: they need not be the student's
      auto speaker = Speaker::start(modelFileOf(planned.target, folder / planned.path), {}, options.verify.stop);
      if (!speaker.ok()) continue;
      auto own = speaker->answers(kept, options.verify.maxTokens, options.verify.stop);
      if (!own.ok()) continue;
      answers = std::move(own).value();
    }
    for (std::size_t i = 0; i < count; ++i) recorded[i]["answers"][planned.path] = {{"ids", answers[i].ids}, {"leads", answers[i].leads}};
  }
}

}  // namespace

Json Exported::summary() const {
  Json out = Json::array();
  for (const auto& verdict : verdicts) {
    const auto path = folder / verdict.path;
    const auto target = parseTarget(verdict.format);
    const bool isAdapter = target.ok() && target->isAdapter() && !verdict.sha256.empty();
    const auto hash = isAdapter ? Result<std::string>(verdict.sha256.back().second) : models::modelSha256(target.ok() ? modelFileOf(*target, path) : path);
    out.push_back({{"format", verdict.format}, {"path", path.string()}, {"sha256", hash.ok() ? *hash : std::string()}, {"verified", verdict.verified()}});
  }
  return out;
}

Result<Exported> exportStudent(const Student& student, const ExportOptions& options) {
  RETORT_TRY(const Plan plan, planExport(student, options.targets));
  Exported out;
  const fs::path parent = options.out.empty() ? options.workspace / "exports" : options.out.parent_path().empty() ? fs::path(".") : options.out.parent_path();
  RETORT_CHECK(makeFolders(parent));
  RETORT_CHECK(requireSpace(parent, plan.bytes + (16u << 20), "the export"));
  auto making = options.out.empty() ? beginProduct(parent, out.id) : FolderInTheMaking::begin(options.out);
  if (!making.ok()) return making.error();
  const fs::path folder = making->path();
  std::vector<FileHashes> hashes;
  for (const auto& planned : plan.targets) {
    RETORT_CHECK(writeTarget(student, planned, folder, options));
    RETORT_TRY(auto files, hashFiles(folder / planned.path, folder, options.verify.stop));
    hashes.push_back(std::move(files));
  }
  RETORT_CHECK(writeJsonFile(folder / "card.json", cardOf(student, plan, hashes, out.id)));
  std::vector<Prompt> prompts;
  std::vector<Answer> studentAnswers;
  Json artefacts = Json::array(), recorded = Json::array();
  for (std::size_t i = 0; i < plan.targets.size(); ++i) {
    if (options.verify.progress) options.verify.progress({"Verifying " + plan.targets[i].path, static_cast<std::int64_t>(i), static_cast<std::int64_t>(plan.targets.size()), "files", -1});
    RETORT_TRY(auto verdict, verifyAgainst(student, plan.targets[i].target, folder / plan.targets[i].path, folder, hashes[i], options.verify, prompts, studentAnswers));
    artefacts.push_back(verdict.toJson());
    out.verdicts.push_back(std::move(verdict));
  }
  record(folder, plan, options, prompts, studentAnswers, recorded);
  RETORT_CHECK(writeJsonFile(folder / "verify.json", {{"schema", kVerifySchema}, {"created", isoUtc(utcMicros())}, {"verified", out.verified()}, {"artefacts", artefacts}, {"recorded", recorded}}));
  RETORT_CHECK(making->commit());
  out.folder = options.out.empty() ? options.workspace / "exports" / out.id : options.out;
  return out;
}

std::vector<ExportEntry> listExports(const fs::path& workspace) {
  std::vector<ExportEntry> out;
  for (const auto& id : listProducts(workspace / "exports")) {
    ExportEntry entry;
    entry.id = id;
    entry.folder = workspace / "exports" / id;
    const auto card = readJsonFile(entry.folder / "card.json");
    const auto verify = readJsonFile(entry.folder / "verify.json");
    if (!card.ok() || !card->is_object()) continue;
    entry.name = card->value("name", "");
    entry.created = card->value("created", "");
    entry.run = card->contains("source") && (*card)["source"].is_object() ? (*card)["source"].value("run", "") : std::string();
    if (card->contains("artefacts") && (*card)["artefacts"].is_array())
      for (const Json& made : (*card)["artefacts"]) entry.formats.push_back(made.value("format", ""));
    std::error_code code;
    for (const auto& file : fs::recursive_directory_iterator(entry.folder, code))
      if (file.is_regular_file(code)) entry.bytes += file.file_size(code);
    entry.verified = verify.ok() && verify->is_object() && verify->value("verified", false);
    out.push_back(std::move(entry));
  }
  std::reverse(out.begin(), out.end());
  return out;
}

}  // namespace retort::exports

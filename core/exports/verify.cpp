// Putting the checks together: against the student, or against what was recorded.
#include "exports/verify.h"

#include <algorithm>

#include "base/files.h"
#include "base/format.h"
#include "base/hash.h"
#include "exports/chat_shape.h"
#include "exports/plan.h"
#include "exports/tensor_check.h"
#include "exports/verify_checks.h"
#include "models/adapter.h"

namespace retort::exports {
namespace {

/// Opens an artefact as a model of its own and checks config and text. nullopt (with a red "opens") when it cannot be read.
struct Opened {
  std::shared_ptr<const models::ModelSource> source;
  models::TextParts text;
  TextFacts facts;
};

std::optional<Opened> openArtefact(Verdict& verdict, const fs::path& artefact) {
  Opened out;
  const auto fail = [&](const Error& error) {
    addCheck(verdict, "opens", false, error.text());
    return std::nullopt;
  };
  auto source = models::openModel(artefact);
  if (!source.ok()) return fail(source.error());
  out.source = *source;
  auto text = models::textParts(*out.source);
  if (!text.ok()) return fail(text.error());
  out.text = std::move(text).value();
  auto facts = factsOf(artefact, out.text);
  if (!facts.ok()) return fail(facts.error());
  out.facts = std::move(facts).value();
  addCheck(verdict, "opens", true, "read again as " + out.source->format());
  return out;
}

Status checkTensors(Verdict& verdict, const Student& student, const Target& target, const fs::path& artefact, const VerifyOptions& options) {
  const auto report = target.hasGguf() ? compareGguf(artefact, *student.source, options.progress, options.stop) : compareFolder(artefact, *student.source, options.progress, options.stop);
  if (!report.ok()) {
    if (isCancelled(report.error())) return report.error();
    addCheck(verdict, "tensors", false, report.error().text());
    return {};
  }
  addCheck(verdict, "tensors", report->ok, !report->ok ? report->firstBad : report->worst.empty() ? fill("every value of {} tensors is equal", {std::to_string(report->tensors)})
                      : fill("{} tensors within their type's error; the worst, {}, by {} of its size", {std::to_string(report->tensors), report->worst, formatPercent(report->worstError, 3)}));
  return {};
}

Status checkPeft(Verdict& verdict, const Student& student, const fs::path& artefact) {
  const auto adapter = models::readAdapter(artefact);
  const auto fits = adapter.ok() ? models::checkAdapterFits(*adapter, student.source->config(), artefact.string()) : Status(adapter.error());
  addCheck(verdict, "opens", fits.ok(), fits.ok() ? std::to_string(adapter->pairs.size()) + " projections of rank " + std::to_string(adapter->rank) : fits.error().text());
  if (student.adapter.empty()) return {};
  std::string bad;
  for (const char* name : {"adapter_model.safetensors", "adapter_config.json"}) {
    const auto theirs = sha256File(student.adapter / name), ours = sha256File(artefact / name);
    if (!theirs.ok() || !ours.ok() || *theirs != *ours) bad = std::string(name) + " differs from the run's";
  }
  addCheck(verdict, "tensors", bad.empty(), bad.empty() ? "equal to the run's adapter, byte for byte" : bad);
  return {};
}

/// The text side of a Modelfile: read again, its template must give the prompts that the model's own gives, its stops the same set.
Status checkModelfile(Verdict& verdict, const Student& student, const fs::path& folder, const std::vector<Prompt>& prompts) {
  const auto text = readFile(folder / "Modelfile", 1u << 20);
  const auto file = text.ok() ? readModelfile(*text, "Modelfile") : Result<Modelfile>(text.error());
  if (!file.ok()) return addCheck(verdict, "modelfile", false, file.error().text()), Status{};
  if (file->from != "./model.gguf") return addCheck(verdict, "modelfile", false, "FROM is " + shown(file->from)), Status{};
  std::vector<std::string> stops;
  for (const auto id : student.text.stopIds) stops.emplace_back(student.text.tokenizer->tokenText(id));
  if (file->stops != stops) return addCheck(verdict, "modelfile", false, "its stops are " + join(file->stops, ", ") + " instead of " + join(stops, ", ")), Status{};
  auto conversations = probeConversations();
  for (const auto& prompt : prompts)
    if (prompt.tools.is_null() || prompt.tools.empty()) conversations.push_back(prompt.messages);
  const std::string bos = student.facts.addsBos ? student.text.tokens.bos : std::string();
  for (const Json& conversation : conversations) {
    RETORT_TRY(const auto wanted, renderJinja(student.text, conversation));
    const auto found = renderGoTemplate(*file, conversation);
    if (!found.ok()) return addCheck(verdict, "modelfile", false, found.error().text()), Status{};
    if (*found != wanted && bos + *found != wanted)
      return addCheck(verdict, "modelfile", false, "its template gives " + shown(*found) + " instead of " + shown(wanted)), Status{};
  }
  addCheck(verdict, "modelfile", true, fill("{} conversations give the same prompt, {} stops", {std::to_string(conversations.size()), std::to_string(stops.size())}));
  return {};
}

bool anyRed(const Verdict& verdict) {
  return std::any_of(verdict.checks.begin(), verdict.checks.end(), [](const Check& check) { return !check.ok; });
}

/// The greedy check could not run: nothing is known to be wrong, but it is not verified either.
void notRun(Verdict& verdict, std::string why) { verdict.undecided = !anyRed(verdict), addCheck(verdict, "greedy", false, "not run: " + std::move(why)); }

Status checkGreedy(Verdict& verdict, const Student& student, const Target& target, const fs::path& artefact, const VerifyOptions& options, const std::vector<Prompt>& prompts, std::vector<Answer>& studentAnswers) {
  const auto report = [&]() -> Result<GreedyReport> {
    std::optional<Speaker> studentSpeaker;
    if (studentAnswers.empty() || target.isQuantised()) {
      RETORT_TRY(auto speaker, Speaker::start(student.path, {}, options.stop));
      studentSpeaker.emplace(std::move(speaker));
    }
    if (studentAnswers.empty()) {
      RETORT_TRY(studentAnswers, studentSpeaker->answers(prompts, options.maxTokens, options.stop));
    }
    std::vector<Speaker::Top> before;
    if (target.isQuantised()) {
      RETORT_TRY(before, studentSpeaker->scores(prompts, studentAnswers, options.stop));
    }
    studentSpeaker.reset();   // one model in memory at a time
    RETORT_TRY(auto made, Speaker::start(artefact, {}, options.stop));
    RETORT_TRY(const auto answers, made.answers(prompts, options.maxTokens, options.stop));
    GreedyReport out = compareAnswers(prompts, studentAnswers, answers);
    if (target.isQuantised()) {
      RETORT_TRY(const auto after, made.scores(prompts, studentAnswers, options.stop));
      out.meanKl = meanKl(before, after);
    }
    return out;
  }();
  if (report.ok()) return judgeGreedy(verdict, *report, target.isQuantised()), Status{};
  if (isCancelled(report.error())) return report.error();
  notRun(verdict, report.error().text());
  return {};
}

}  // namespace

bool Verdict::verified() const { return !checks.empty() && !anyRed(*this); }

const Check* Verdict::find(std::string_view name) const {
  for (const auto& check : checks)
    if (check.name == name) return &check;
  return nullptr;
}

Json Verdict::toJson() const {
  Json list = Json::array(), hashes = Json::object();
  for (const auto& check : checks) list.push_back({{"name", check.name}, {"ok", check.ok}, {"detail", check.detail}});
  for (const auto& [file, hash] : sha256) hashes[file] = hash;
  return {{"format", format}, {"path", path}, {"sha256", hashes}, {"checks", list}, {"greedy", greedy ? greedy->toJson() : Json(nullptr)}, {"verified", verified()}, {"undecided", undecided}};
}

bool allVerified(const std::vector<Verdict>& verdicts) {
  return !verdicts.empty() && std::all_of(verdicts.begin(), verdicts.end(), [](const Verdict& v) { return v.verified(); });
}

Result<FileHashes> hashFiles(const fs::path& artefact, const fs::path& root, std::stop_token stop) {
  FileHashes out;
  std::error_code code;
  std::vector<fs::path> files;
  if (fs::is_directory(artefact, code)) {
    for (const auto& entry : fs::recursive_directory_iterator(artefact, code))
      if (entry.is_regular_file(code)) files.push_back(entry.path());
  } else {
    files.push_back(artefact);
  }
  for (const auto& file : files) {
    RETORT_TRY(auto hash, sha256File(file, stop));
    out.emplace_back(file.lexically_relative(root).generic_string(), std::move(hash));
  }
  std::sort(out.begin(), out.end());
  return out;
}

Result<Verdict> verifyAgainst(const Student& student, const Target& target, const fs::path& artefact, const fs::path& root, const FileHashes& expected, const VerifyOptions& options,
                              std::vector<Prompt>& prompts, std::vector<Answer>& studentAnswers) {
  Verdict verdict;
  verdict.format = target.format();
  verdict.path = artefact.lexically_relative(root).generic_string();
  RETORT_TRY(verdict.sha256, hashFiles(artefact, root, options.stop));
  checkFiles(verdict, expected, verdict.sha256);
  if (target.kind == Kind::adapter) {
    RETORT_CHECK(checkPeft(verdict, student, artefact));
    return verdict;
  }
  if (target.kind == Kind::ggufAdapter) {
    RETORT_CHECK(checkGgufAdapter(verdict, student, artefact));
    return verdict;
  }
  const fs::path model = modelFileOf(target, artefact);
  const auto opened = openArtefact(verdict, model);
  if (!opened) return verdict;
  checkConfig(verdict, student.source->config(), opened->source->config());
  checkText(verdict, student.facts, opened->facts);
  if (prompts.empty()) {
    RETORT_TRY(prompts, heldOutPrompts(options.dataset, options.prompts));
    RETORT_CHECK(encodePrompts(student.text, prompts));
  }
  RETORT_CHECK(checkPrompts(verdict, opened->text, prompts));
  if (target.kind == Kind::ollama) RETORT_CHECK(checkModelfile(verdict, student, artefact, prompts));
  RETORT_CHECK(checkTensors(verdict, student, target, model, options));
  if (!options.run) return notRun(verdict, "it was left out"), verdict;
  RETORT_CHECK(checkGreedy(verdict, student, target, model, options, prompts, studentAnswers));
  return verdict;
}

}  // namespace retort::exports

// Verifying an export folder wherever it was copied: by card.json and verify.json, without workspace and student.
#include <algorithm>

#include "base/files.h"
#include "base/format.h"
#include "exports/verify.h"
#include "exports/plan.h"
#include "exports/verify_checks.h"
#include "models/adapter.h"
#include "models/gguf.h"

namespace retort::exports {
namespace {

Error cardError(const fs::path& folder, std::string why) {
  return Error{"exports.verify.card", folder.string() + " cannot be verified", "card.json", std::move(why), "Verify a folder that `retort-cli export` made, with its card.json", "", {}};
}

/// Prompts and answers as verify.json recorded them.
void readRecorded(const Json& verify, std::string_view path, std::vector<Prompt>& prompts, std::vector<Answer>& answers) {
  const Json recorded = verify.is_object() && verify.contains("recorded") ? verify["recorded"] : Json();
  if (!recorded.is_array()) return;
  for (const Json& row : recorded) {
    if (!row.is_object() || !row.contains("ids") || !row.contains("answers") || !row["answers"].is_object() || !row["answers"].contains(path)) continue;
    const Json& answer = row["answers"][std::string(path)];
    prompts.push_back({row.value("id", ""), row.value("messages", Json::array()), row.value("tools", Json()), row.value("ids", std::vector<std::int32_t>())});
    answers.push_back({answer.value("ids", std::vector<std::int32_t>()), answer.value("leads", std::vector<double>())});
  }
}

Status greedyAgain(Verdict& verdict, const fs::path& artefact, const VerifyOptions& options, const std::vector<Prompt>& prompts, const std::vector<Answer>& recorded) {
  const auto undecided = [&](std::string why) {
    verdict.undecided = std::all_of(verdict.checks.begin(), verdict.checks.end(), [](const Check& c) { return c.ok; });
    addCheck(verdict, "greedy", false, "not run: " + std::move(why));
    return Status{};
  };
  if (!options.run) return undecided("it was left out");
  if (prompts.empty()) return undecided("verify.json records no answers");
  std::size_t longest = 1;
  for (const auto& answer : recorded) longest = std::max(longest, answer.ids.size());
  auto speaker = Speaker::start(artefact, {}, options.stop);
  if (!speaker.ok()) return isCancelled(speaker.error()) ? Status(speaker.error()) : undecided(speaker.error().text());
  auto answers = speaker->answers(prompts, static_cast<int>(longest), options.stop);
  if (!answers.ok()) return isCancelled(answers.error()) ? Status(answers.error()) : undecided(answers.error().text());
  judgeGreedy(verdict, compareAnswers(prompts, recorded, *answers), false);
  return {};
}

Result<Verdict> verifyOne(const fs::path& root, const Json& card, const Json& verify, const Json& made, const VerifyOptions& options) {
  Verdict verdict;
  if (!made.is_object() || !made.contains("format") || !made["format"].is_string() || !made.contains("path") || !made["path"].is_string()) return cardError(root, "an entry of \"artefacts\" has no format and path");
  verdict.format = made["format"].get<std::string>();
  verdict.path = made["path"].get<std::string>();
  const fs::path relative(verdict.path);
  if (relative.is_absolute() || std::find(relative.begin(), relative.end(), "..") != relative.end()) return cardError(root, "path " + shown(verdict.path) + " leads out of the folder");
  FileHashes expected;
  if (made.contains("sha256") && made["sha256"].is_object())
    for (const auto& [file, hash] : made["sha256"].items()) expected.emplace_back(file, hash.is_string() ? hash.get<std::string>() : std::string());
  const auto artefact = root / relative;
  auto found = hashFiles(artefact, root, options.stop);
  if (!found.ok() && isCancelled(found.error())) return found.error();
  if (found.ok()) verdict.sha256 = *found;
  checkFiles(verdict, expected, found.ok() ? *found : FileHashes());
  if (!found.ok()) return verdict;
  if (verdict.format == "adapter") {
    const auto adapter = models::readAdapter(artefact);
    addCheck(verdict, "opens", adapter.ok(), adapter.ok() ? std::to_string(adapter->pairs.size()) + " projections" : adapter.error().text());
    return verdict;
  }
  const auto target = parseTarget(verdict.format);
  if (!target.ok()) return cardError(root, "it names the format " + shown(verdict.format) + ", which this version does not know");
  if (target->kind == Kind::ggufAdapter) {   // its bytes are its hash; a reader must still find what it is
    const auto file = models::InputFile::open(artefact);
    const auto header = file.ok() ? models::readGgufHeader(**file) : Result<models::GgufHeader>(file.error());
    addCheck(verdict, "opens", header.ok(), header.ok() ? std::to_string(header->tensors.size() / 2) + " projections" : header.error().text());
    return verdict;
  }
  const fs::path model = modelFileOf(*target, artefact);
  const auto source = models::openModel(model);
  if (!source.ok()) return addCheck(verdict, "opens", false, source.error().text()), verdict;
  const auto text = models::textParts(**source);
  const auto facts = text.ok() ? factsOf(model, *text) : Result<TextFacts>(text.error());
  if (!facts.ok()) return addCheck(verdict, "opens", false, facts.error().text()), verdict;
  addCheck(verdict, "opens", true, "read again as " + (*source)->format());
  checkRecordedText(verdict, card.contains("text") ? card["text"] : Json(), *facts);
  std::vector<Prompt> prompts;
  std::vector<Answer> answers;
  readRecorded(verify, verdict.path, prompts, answers);
  if (!prompts.empty()) RETORT_CHECK(checkPrompts(verdict, *text, prompts));
  RETORT_CHECK(greedyAgain(verdict, model, options, prompts, answers));
  return verdict;
}

}  // namespace

Result<std::vector<Verdict>> verifyFolder(const fs::path& path, const VerifyOptions& options) {
  std::error_code code;
  if (!fs::exists(path, code)) return Error{"exports.verify.missing", path.string() + " cannot be verified", "", "there is no such file or folder", "Check the path", "", {}};
  // A file, or a folder inside the export: the card is beside it or above.
  fs::path root = fs::is_directory(path, code) ? path : path.parent_path().empty() ? fs::path(".") : path.parent_path();
  if (!fs::exists(root / "card.json", code) && fs::exists(root / ".." / "card.json", code)) root = fs::weakly_canonical(root / "..", code);
  if (!fs::exists(root / "card.json", code)) return cardError(root, "the file is missing");
  RETORT_TRY(const Json card, readJsonFile(root / "card.json"));
  if (!card.is_object() || !card.contains("schema") || card["schema"] != kCardSchema || !card.contains("artefacts") || !card["artefacts"].is_array())
    return cardError(root, "it is not the card of an export (retort.export/1)");
  Json verify;
  if (fs::exists(root / "verify.json", code)) {
    RETORT_TRY(verify, readJsonFile(root / "verify.json"));
  }
  std::vector<Verdict> out;
  const auto wanted = fs::weakly_canonical(path, code), home = fs::weakly_canonical(root, code);
  for (const Json& made : card["artefacts"]) {
    if (wanted != home && made.is_object() && made.contains("path") && made["path"].is_string()) {
      // Only the artefact that was asked for.
      const auto at = fs::weakly_canonical(root / made["path"].get<std::string>(), code);
      if (at != wanted && at != wanted.parent_path()) continue;
    }
    RETORT_TRY(auto verdict, verifyOne(root, card, verify, made, options));
    out.push_back(std::move(verdict));
  }
  if (out.empty()) return cardError(root, "it does not know " + shown(path.filename().string()));
  return out;
}

}  // namespace retort::exports

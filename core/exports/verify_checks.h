// The single checks of the export gate; each adds one line to a verdict.
#pragma once
#include "exports/verify.h"

namespace retort::exports {

using FileHashes = std::vector<std::pair<std::string, std::string>>;

void addCheck(Verdict& verdict, std::string name, bool ok, std::string detail);
/// Every file is there with the hash that was recorded, and no other.
void checkFiles(Verdict& verdict, const FileHashes& expected, const FileHashes& found);
/// The sizes that decide the computation.
void checkConfig(Verdict& verdict, const models::DecoderConfig& wanted, const models::DecoderConfig& found);
/// Token strings (a GGUF may have [PADn] rows behind them), merges, template, stop set, BOS.
void checkText(Verdict& verdict, const TextFacts& wanted, const TextFacts& found);
/// The same by the hashes of card.json.
void checkRecordedText(Verdict& verdict, const Json& recorded, const TextFacts& found);
/// Held-out prompts give the same ids through the artefact's own tokenizer and template.
Status checkPrompts(Verdict& verdict, const models::TextParts& made, const std::vector<Prompt>& prompts);
/// Fills prompt.ids with the student's own ids.
Status encodePrompts(const models::TextParts& text, std::vector<Prompt>& prompts);
/// A GGUF adapter's values against the run's PEFT folder, names and row order worked out anew.
Status checkGgufAdapter(Verdict& verdict, const Student& student, const std::filesystem::path& file);
/// Applies the rule for a format to a greedy report: equal tokens but near ties under 10 %, or a KL limit for quantised types.
void judgeGreedy(Verdict& verdict, const GreedyReport& report, bool quantised);

}  // namespace retort::exports

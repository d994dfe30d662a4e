// The gate of an export: each file is read again by readers that share no code with its writer and held against the student, or,
// where the student is no longer at hand, against what card.json and verify.json recorded. Red stays red.
#pragma once
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/progress.h"
#include "base/result.h"
#include "exports/greedy.h"
#include "exports/student.h"
#include "exports/target.h"

namespace retort::exports {

inline constexpr std::string_view kCardSchema = "retort.export/1", kVerifySchema = "retort.verify/1";

struct Check {
  std::string name;                        ///< files, opens, config, tokens, merges, template, stop, bos, prompts, tensors, greedy, kl
  bool ok = false;
  std::string detail;
};

struct Verdict {
  std::string format, path;                ///< "gguf:q8_0", path relative to the export
  std::vector<std::pair<std::string, std::string>> sha256;   ///< per file, relative path
  std::vector<Check> checks;
  std::optional<GreedyReport> greedy;      ///< empty: not run (a check "greedy" then says why)
  bool undecided = false;                  ///< no check failed, but the greedy one could not run
  [[nodiscard]] bool verified() const;
  [[nodiscard]] const Check* find(std::string_view name) const;
  [[nodiscard]] Json toJson() const;
};

struct VerifyOptions {
  bool run = true;                         ///< ask a worker for greedy answers
  std::filesystem::path dataset;           ///< folder with test.jsonl; empty: built-in prompts
  std::size_t prompts = 32;
  int maxTokens = 48;
  ProgressFn progress;
  std::stop_token stop;
};

/// One made file or folder against the student. `expectedSha256` are the hashes that card.json records.
Result<Verdict> verifyAgainst(const Student& student, const Target& target, const std::filesystem::path& artefact, const std::filesystem::path& root,
                              const std::vector<std::pair<std::string, std::string>>& expectedSha256, const VerifyOptions& options, std::vector<Prompt>& prompts,
                              std::vector<Answer>& studentAnswers);

/// An export folder (or one file in it) wherever it lies, by its card.json and verify.json alone.
Result<std::vector<Verdict>> verifyFolder(const std::filesystem::path& path, const VerifyOptions& options);

/// SHA-256 of every file below `artefact` (or of it), relative to `root`, sorted.
Result<std::vector<std::pair<std::string, std::string>>> hashFiles(const std::filesystem::path& artefact, const std::filesystem::path& root, std::stop_token stop = {});

/// Exit-like verdict of all: true only when each is verified.
[[nodiscard]] bool allVerified(const std::vector<Verdict>& verdicts);

}  // namespace retort::exports

// A teacher: where it is, what it is called there, what its owner allows; one JSON file each in the workspace's teachers/.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/workspace.h"
#include "providers/generation.h"
#include "providers/prices.h"

namespace retort::providers {

enum class Kind { openai, openaiResponses, anthropic, bedrock, ollama, vllm, llamaCpp, openRouter, compatible, replay, local };
[[nodiscard]] std::string_view kindName(Kind kind);           ///< "openai", "openai-responses", "anthropic" …
[[nodiscard]] std::optional<Kind> kindFromName(std::string_view name);
[[nodiscard]] std::vector<std::string> kindNames();

/// May the answers train a model? What a person noted from the provider's terms, with source and date; shown before answers are bought
/// or reused, copied to dataset and model card. We propose text for known providers; only the user's own word is sure.
struct OutputNote {
  std::string mayTrain = "unknown";            ///< yes | no | conditions | unknown
  std::string text, source, date;
  bool operator==(const OutputNote&) const = default;
  [[nodiscard]] std::string sentence() const;  ///< for people, one line
};
[[nodiscard]] Json toJson(const OutputNote& note);
[[nodiscard]] OutputNote defaultNote(Kind kind);

struct Teacher {
  std::string name;
  Kind kind = Kind::compatible;
  std::string url;                             ///< base address; empty: the kind's own
  std::string model;                           ///< as the server calls it
  std::string region;                          ///< Bedrock's
  std::filesystem::path path;                  ///< replay: file of answers; local: model file or folder
  std::string keyReference;                    ///< opaque, for the key store; the key itself is never here
  OutputNote note;
  Capabilities capabilities;
  Json extra = Json::object();                 ///< members laid over every request
  std::string price, priceOutput;              ///< own prices, dollars per million; empty: the table's
  int maxConcurrent = 32;                      ///< ceiling of requests at once
  double requestsPerMinute = 0, tokensPerMinute = 0;   ///< 0: no limit of our own
  Timeouts timeouts{};
  int contextTokens = 0;
  bool allowPii = false;                       ///< rows flagged for personal data may go to this host
  bool allowPlainKey = false;
  std::string caFile, pinnedKey;
  [[nodiscard]] bool isRemote() const { return kind != Kind::replay && kind != Kind::local; }
  /// Where requests go: "https://api.openai.com"; "this machine" for local ones.
  [[nodiscard]] std::string host() const;
  [[nodiscard]] std::string baseUrl() const;
  /// Does nothing leave this machine?
  [[nodiscard]] bool staysHere() const;
};

[[nodiscard]] Json toJson(const Teacher& teacher);
/// Strict: unknown members are errors; also checks names and addresses.
Result<Teacher> teacherFromJson(const Json& json, std::string_view where);

[[nodiscard]] std::filesystem::path teachersFolder(const Workspace& workspace);
/// Writes teachers/<name>.json; `replace` false refuses a taken name.
Status saveTeacher(const Workspace& workspace, const Teacher& teacher, bool replace);
/// By name; "providers.teacher.unknown" names the nearest.
Result<Teacher> loadTeacher(const Workspace& workspace, std::string_view name);
[[nodiscard]] std::vector<Teacher> listTeachers(const Workspace& workspace, std::vector<Error>* problems = nullptr);
Status removeTeacher(const Workspace& workspace, std::string_view name);

/// What a request to it costs: its own price, else the table's; local and replayed answers cost nothing; nullopt: unknown.
[[nodiscard]] std::optional<Price> priceOf(const Teacher& teacher, const PriceTable& table);

}  // namespace retort::providers

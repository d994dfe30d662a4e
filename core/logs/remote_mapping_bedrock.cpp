// Bedrock's invocation logs as SQL expressions.
#include "logs/remote_reader.h"

namespace retort::logs::remote {

namespace {

/// readBedrock(), as far as it can be said in SQL. Where a count or a stop reason is told by the answer alone and not in the form of
/// Converse, the row is left to the import.
class BedrockMapping : public RemoteMapping {
 public:
  BedrockMapping(const RemoteLayout& layout, const SqlDialect& dialect) : r(layout, dialect), d(dialect) {}

  [[nodiscard]] std::vector<std::vector<std::pair<std::string, std::string>>> parts() const override { return r.parts(); }

  [[nodiscard]] std::string isRecord() override {
    std::vector<std::string> keys = {r.isMissingAt({"schemaType"}), d.isText(r.at({"requestId"})), d.isText(r.at({"modelId"}))};
    for (const char* name : {"traceId", "trace_id"})
      if (r.hasColumn(name)) keys.push_back(r.isMissingAt({name}));
    return allOf({anyOf({d.textOf(r.at({"schemaType"})) + " = 'ModelInvocationLog'", allOf(keys)}), r.isObjectAt({"input"}),
                  anyOf({r.isMissingAt({"requestMetadata"}), r.isObjectAt({"requestMetadata"})}), anyOf({r.isMissingAt({"output"}), r.isObjectAt({"output"})}), r.isOnce()});
  }

  [[nodiscard]] std::optional<RemoteField> field(std::string_view name, bool isBuiltIn) override {
    if (!isBuiltIn) return metadata(name);
    static constexpr std::pair<std::string_view, std::string_view> kTexts[] = {{"@region", "region"}, {"@op", "operation"}, {"@error", "errorCode"}, {"@model.raw", "modelId"}};
    for (const auto& [field, member] : kTexts)
      if (field == name) return r.textField(r.at({std::string(member)}));
    if (name == "@model") {
      auto out = r.textField(r.at({"modelId"}));
      out.value = r.modelOf(out.value);
      return out;
    }
    if (name == "@source") return RemoteField{FieldType::text, d.text("bedrock"), {}};
    if (name == "@time") return r.timeField(r.at({"timestamp"}));
    if (name == "@input_tokens") return inputTokens();
    if (name == "@output_tokens") return count(r.at({"output", "outputTokenCount"}), {"outputTokens"});
    if (name == "@cached_tokens") return count(r.at({"input", "cacheReadInputTokenCount"}), {"cacheReadInputTokens", "cacheReadInputTokenCount"});
    if (name == "@latency") return latency();
    if (name == "@stop") return stop();
    if (name == "@status") return status();
    return std::nullopt;
  }

 private:
  [[nodiscard]] RemoteField metadata(std::string_view key) {
    const auto holder = r.at({"requestMetadata"});
    const auto value = d.member(holder, key);
    auto out = r.valueField(value);
    // Of a doubled key the last value that is not null counts.
    if (const auto twice = d.isTwice(holder); !twice.empty())
      out.isSure = allOf({out.isSure, "NOT coalesce(" + (d.readsLast() ? twice + " AND " + value + " IS NOT NULL AND " + d.isMissing(value) : twice) + ", false)"});
    return out;
  }

  /// Below the answer.
  static Path inAnswer(std::initializer_list<std::string_view> steps) {
    Path path = {"output", "outputBodyJson"};
    path.insert(path.end(), steps.begin(), steps.end());
    return path;
  }
  [[nodiscard]] std::string answer(std::string_view name) { return r.at(inAnswer({name})); }
  [[nodiscard]] std::string answer(std::string_view name, std::string_view inner) { return r.at(inAnswer({name, inner})); }
  /// No answer at all: neither here nor in another object.
  [[nodiscard]] std::string hasNoAnswer() { return allOf({r.isMissingAt(inAnswer({})), r.isMissingAt({"output", "outputBodyS3Path"})}); }
  [[nodiscard]] std::string hasAnswer() { return r.isObjectAt(inAnswer({})); }
  /// The answer holds nothing from which an import would take counts or times.
  [[nodiscard]] std::string tellsNothing() {
    std::vector<std::string> none = {hasAnswer()};
    for (const char* name : {"usage", "prompt_token_count", "generation_token_count", "inputTextTokenCount", "results", "amazon-bedrock-invocationMetrics"}) none.push_back(r.isMissingAt(inAnswer({name})));
    return allOf(none);
  }

  /// A count of the envelope, else one of the answer's `usage` as Converse names it.
  [[nodiscard]] RemoteField count(const std::string& envelope, const std::vector<std::string>& spellings) {
    std::vector<std::string> values = {d.integerOf(envelope)};
    for (const auto& name : spellings) values.push_back(d.integerOf(answer("usage", name)));
    const auto inUsage = allOf({hasAnswer(), d.integerOf(answer("usage", spellings[0])) + " >= 0"});
    return {FieldType::number, "coalesce(" + join(values, ", ") + ")", anyOf({d.integerOf(envelope) + " >= 0", allOf({d.isMissing(envelope), anyOf({hasNoAnswer(), inUsage, tellsNothing()})})})};
  }

  [[nodiscard]] RemoteField inputTokens() {
    const auto plain = r.at({"input", "inputTokenCount"}), read = r.at({"input", "cacheReadInputTokenCount"}), written = r.at({"input", "cacheWriteInputTokenCount"});
    const auto isCount = [&](const std::string& json) { return anyOf({d.isMissing(json), d.integerOf(json) + " >= 0"}); };
    return {FieldType::number, d.integerOf(plain) + " + coalesce(" + d.integerOf(read) + ", 0) + coalesce(" + d.integerOf(written) + ", 0)",
            allOf({isCount(read), isCount(written), anyOf({d.integerOf(plain) + " >= 0", allOf({d.isMissing(plain), anyOf({hasNoAnswer(), tellsNothing()})})})})};
  }

  [[nodiscard]] RemoteField latency() {
    const auto ms = answer("metrics", "latencyMs");
    return {FieldType::number, d.integerOf(ms), anyOf({hasNoAnswer(), allOf({hasAnswer(), anyOf({d.integerOf(ms) + " >= 0", allOf({d.isMissing(ms), tellsNothing()})})})})};
  }

  [[nodiscard]] RemoteField stop() {
    const auto converse = answer("stopReason"), other = answer("stop_reason");
    std::map<std::string_view, std::vector<std::string>> words;
    for (const auto& [word, meaning] : kStopWords) words[meaning].push_back(d.text(word));
    const auto raw = "coalesce(nullif(" + d.textOf(converse) + ", ''), nullif(" + d.textOf(other) + ", ''))";
    std::string cases = "CASE";
    for (const auto& [meaning, list] : words) cases += " WHEN lower(" + raw + ") IN (" + join(list, ", ") + ") THEN " + d.text(meaning);
    cases += " WHEN " + raw + " IS NOT NULL THEN 'unknown' END";
    const auto isWord = [&](const std::string& json) { return anyOf({d.isMissing(json), d.isText(json)}); };
    return {FieldType::text, cases, anyOf({hasNoAnswer(), allOf({hasAnswer(), raw + " IS NOT NULL", isWord(converse), isWord(other), r.isMissingAt(inAnswer({"amazon-bedrock-guardrailAction"}))})})};
  }

  [[nodiscard]] RemoteField status() {
    const auto isError = "nullif(" + d.textOf(r.at({"errorCode"})) + ", '') IS NOT NULL";
    const auto isWhole = allOf({hasAnswer(), r.isObjectAt(inAnswer({"output", "message"})), d.isText(r.at(inAnswer({"output", "message", "role"}))),
                                r.isMissingAt(inAnswer({"output", "message", "kwargs"})), "NOT " + r.isMissingAt({"input", "inputBodyJson"})});
    return {FieldType::text, "CASE WHEN " + isError + " THEN 'error' WHEN " + hasNoAnswer() + " THEN 'incomplete' ELSE 'ok' END", anyOf({isError, hasNoAnswer(), isWhole})};
  }

  Reader r;
  const SqlDialect& d;
};

}  // namespace

std::unique_ptr<RemoteMapping> bedrockMapping(const RemoteLayout& layout, const SqlDialect& dialect) { return std::make_unique<BedrockMapping>(layout, dialect); }

}  // namespace retort::logs::remote

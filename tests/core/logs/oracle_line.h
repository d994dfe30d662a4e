// Lines that try filters: the records whose evaluation is held against other programs.
#pragma once
#include <string>

#include "base/random.h"
#include "tests/core/logs/log_fixture.h"

namespace retort::logs::test {

/// A line with missing and doubled keys, empty texts, and numbers that are none. `wide`: values of the key "wide", 0 for none.
/// `broken`: share of lines with a byte that is no UTF-8, which an import mends.
inline std::string oracleLine(Random& random, int n, int wide, double broken = 0) {
  static const char* const envs[] = {"prod", "dev", "", "x\\\"y\\\\", "\xC3\xA4\\n"};
  static const char* const scores[] = {"12", "-3.5", "12x", "1e2", "100", ""};
  static const char* const models[] = {"amazon.nova-lite-v1:0", "us.amazon.nova-lite-v1:0", "meta.llama3-1-8b-instruct-v1:0"};
  const auto pick = [&](const auto& list) { return std::string(list[random.below(std::size(list))]); };
  std::string metadata;
  const auto add = [&](const std::string& key, const std::string& value) { metadata += (metadata.empty() ? "" : ",") + ("\"" + key + "\":\"" + value + "\""); };
  if (random.chance(0.8)) add("env", pick(envs));
  if (random.chance(0.1)) add("env", pick(envs));          // named twice: the last one counts
  if (random.chance(0.5)) add("score", pick(scores));
  if (random.chance(0.5)) add("tenant", "t" + std::to_string(random.below(40)));
  if (random.chance(0.2)) add("a b", pick(envs));
  if (random.chance(0.2)) add("tick`s", "12");
  if (random.chance(0.1)) add("not", "prod");
  if (wide > 0) add("wide", "w" + std::to_string(n % wide));
  const bool failed = random.chance(0.1);
  std::string line = R"({"schemaType":"ModelInvocationLog","requestId":")" + uuid(n) + R"(","operation":")" + (random.chance(0.5) ? "Converse" : "InvokeModel") + R"(","modelId":")" + pick(models) + "\"";
  if (!random.chance(0.1)) line += R"(,"timestamp":"2026-03-0)" + std::to_string(1 + random.below(4)) + "T0" + std::to_string(random.below(10)) + R"(:30:00Z")";
  if (random.chance(0.8)) line += R"(,"region":"eu-central-1")";
  if (random.chance(0.9)) line += R"(,"requestMetadata":{)" + metadata + R"(})";
  if (failed) line += R"(,"errorCode":"ThrottlingException")";
  line += R"(,"input":{"inputBodyJson":{"messages":[{"role":"user","content":[{"text":"n)" + std::to_string(n) + (broken > 0 && random.chance(broken) ? "\xE9" : "") + R"("}]}]})";
  if (random.chance(0.8)) {
    line += R"(,"inputTokenCount":)" + std::to_string(random.below(300));
    if (random.chance(0.3)) line += R"(,"cacheReadInputTokenCount":)" + std::to_string(random.below(20));
  }
  line += R"(})";
  if (!failed)
    line += R"(,"output":{"outputBodyJson":{"output":{"message":{"role":"assistant","content":[{"text":"ok"}]}},"stopReason":")" + std::string(random.chance(0.7) ? "end_turn" : "max_tokens") +
            R"(","metrics":{"latencyMs":)" + std::to_string(random.below(400)) + R"(}},"outputTokenCount":)" + std::to_string(random.below(5)) + R"(})";
  return line + R"(})" + "\n";
}

}  // namespace retort::logs::test

// Lines of the load world, assembled from text directly: no JSON tree is built.
#include "logs/generate_load.h"

#include <set>

#include "base/clock.h"
#include "logs/generate_record.h"

namespace retort::logs {
namespace {

constexpr std::size_t kWordCount = 60'000, kTenants = 5'000, kPrompts = 40, kTableSize = 65'536;
constexpr double kLongShare = 1.0 / 400;
constexpr std::uint64_t kLongWords = 8'000;

/// A table whose equally likely entries follow Zipf's law over `values` values; rare values may have no entry.
std::vector<std::uint32_t> zipfTable(std::size_t values) {
  double total = 0;
  for (std::size_t k = 0; k < values; ++k) total += 1.0 / static_cast<double>(k + 3);
  std::vector<std::uint32_t> table(kTableSize);
  double sum = 1.0 / 3;
  std::size_t k = 0;
  for (std::size_t i = 0; i < kTableSize; ++i) {
    while (k + 1 < values && sum < total * (static_cast<double>(i) + 0.5) / kTableSize) sum += 1.0 / static_cast<double>(++k + 3);
    table[i] = static_cast<std::uint32_t>(k);
  }
  return table;
}

std::string pseudoWord(Random& random) {
  constexpr std::string_view kHeads[] = {"b", "br", "c", "d", "dr", "f", "g", "gl", "h", "k", "l", "m", "n", "p", "pr", "r", "s", "st", "t", "tr", "v", "z"};
  constexpr std::string_view kTails[] = {"a", "e", "i", "o", "u", "an", "el", "is", "on", "ur", "é", "ö", "ai", "ou"};
  std::string word;
  for (std::uint64_t n = 1 + random.below(4); n > 0; --n) {
    word += kHeads[random.below(std::size(kHeads))];
    word += kTails[random.below(std::size(kTails))];
  }
  switch (random.below(40)) {  // what an escape, a quote or a sentence end costs an importer
    case 0: return word + ".\\n";
    case 1: return "\\\"" + word + "\\\" ";
    case 2: return word + ", ";
    case 3: return word + ". ";
    default: return word + " ";
  }
}

}  // namespace

LoadLines::LoadLines(std::uint64_t seed, bool metadataOnly)
    : m_random(seed, "load"), m_wordTable(zipfTable(kWordCount)), m_tenantTable(zipfTable(kTenants)), m_timeMs(kWorldStartMs), m_metadataOnly(metadataOnly) {
  std::set<std::string> seen;
  while (m_words.size() < kWordCount) {
    std::string word = pseudoWord(m_random);
    if (seen.insert(word).second) m_words.push_back(std::move(word));
  }
  for (std::size_t i = 0; i < kPrompts; ++i) {
    m_line.clear();
    words(40 + m_random.below(120));
    m_systems.push_back(m_line);
  }
}

void LoadLines::words(std::uint64_t count) {
  while (count >= 4) {  // one draw serves four words
    std::uint64_t bits = m_random.next();
    for (int i = 0; i < 4; ++i, bits >>= 16) m_line += m_words[m_wordTable[bits & 0xFFFF]];
    count -= 4;
  }
  while (count-- > 0) m_line += m_words[m_wordTable[m_random.next() >> 48]];
}

/// Log-uniform from `low` on, over that many octaves; in integers, so that no machine's mathematics library decides.
std::uint64_t LoadLines::length(std::uint64_t low, int octaves) {
  const std::uint64_t base = low << m_random.below(static_cast<std::uint64_t>(octaves));
  return base + m_random.below(base);
}

void LoadLines::uuid(std::string& out) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::uint64_t bits[2] = {m_random.next(), m_random.next()};
  out.clear();
  for (int i = 0; i < 32; ++i) {
    if (i == 8 || i == 12 || i == 16 || i == 20) out += '-';
    std::uint64_t digit = bits[i / 16] >> (i % 16 * 4) & 15;
    if (i == 12) digit = 4;
    if (i == 16) digit = 8 + (digit & 3);
    out += kHex[digit];
  }
}

void LoadLines::metadata() {
  constexpr std::string_view kTiers[] = {"free", "pro", "enterprise"};
  const double env = m_random.uniform();
  m_line += "\"requestMetadata\":{\"app\":\"app-" + std::to_string(m_random.below(20));
  m_line += env < 0.7 ? "\",\"env\":\"prod" : env < 0.9 ? "\",\"env\":\"staging" : "\",\"env\":\"dev";
  m_line += "\",\"task\":\"task-" + std::to_string(m_random.below(12));
  m_line += "\",\"tenant\":\"tenant-" + std::to_string(m_tenantTable[m_random.next() >> 48]);
  m_line += "\",\"promptVersion\":\"v" + std::to_string(m_version + 1) + "\",\"tier\":\"";
  m_line += kTiers[m_random.below(3)];
  if (m_random.chance(0.3)) m_line += "\",\"experiment\":\"exp-" + std::to_string(m_random.below(100));
  if (m_random.chance(0.2)) {
    uuid(m_session);
    m_line += "\",\"sessionId\":\"" + m_session;
  }
  m_line += "\"},";
}

std::string_view LoadLines::next() {
  m_timeMs += 7'000;
  uuid(m_requestId);
  m_version = m_random.below(kPrompts);
  const bool isConverse = m_random.chance(0.75), isThreeTurn = m_random.chance(0.2), isLong = m_random.chance(kLongShare);
  m_line.clear();
  m_line += R"({"schemaType":"ModelInvocationLog","schemaVersion":"1.0","timestamp":")" + isoUtc(m_timeMs * 1000);
  m_line += R"(","accountId":"111122223333","identity":{"arn":"arn:aws:sts::111122223333:assumed-role/load/worker"},"region":"eu-central-1","requestId":")";
  m_line += m_requestId;
  m_line += isConverse ? R"(","operation":"Converse","modelId":"amazon.nova-pro-v1:0",)" : R"(","operation":"InvokeModel","modelId":"anthropic.claude-3-5-haiku-20241022-v1:0",)";
  metadata();
  const std::uint64_t in = length(16, 5) + (isLong ? kLongWords : 0), out = length(4, 6);
  const std::string inTokens = std::to_string(in * 13 / 10 + 120), outTokens = std::to_string(out * 13 / 10);
  const std::string latency = std::to_string(150 + out * 8 + m_random.below(400));
  m_line += R"("input":{"inputContentType":"application/json",)";
  if (!m_metadataOnly) {
    const std::string_view open = isConverse ? R"(","content":[{"text":")" : R"(","content":")", close = isConverse ? R"("}]})" : R"("})";
    const auto turn = [&](std::string_view role, std::uint64_t count) {
      m_line += R"({"role":")";
      m_line += role;
      m_line += open;
      words(count);
      m_line += close;
    };
    m_line += isConverse ? R"("inputBodyJson":{"system":[{"text":")" : R"("inputBodyJson":{"anthropic_version":"bedrock-2023-05-31","max_tokens":512,"system":")";
    m_line += m_systems[m_version];
    m_line += isConverse ? R"("}],"messages":[)" : R"(","messages":[)";
    if (isThreeTurn) {
      turn("user", in / 3);
      m_line += ',';
      turn("assistant", in / 3);
      m_line += ',';
      turn("user", in - 2 * (in / 3));
    } else {
      turn("user", in);
    }
    m_line += isConverse ? R"(],"inferenceConfig":{"maxTokens":512,"temperature":0.2}},)" : "]},";
  }
  m_line += R"("inputTokenCount":)" + inTokens + R"(},"output":{"outputContentType":"application/json",)";
  if (!m_metadataOnly) {
    m_line += isConverse ? R"("outputBodyJson":{"output":{"message":{"role":"assistant","content":[{"text":")"
                         : R"("outputBodyJson":{"id":"msg_bdrk_load","type":"message","role":"assistant","content":[{"type":"text","text":")";
    words(out);
    m_line += isConverse ? R"("}]}},"stopReason":"end_turn","metrics":{"latencyMs":)" + latency + R"(},"usage":{"inputTokens":)" + inTokens + R"(,"outputTokens":)" + outTokens + "}},"
                         : R"("}],"stop_reason":"end_turn","usage":{"input_tokens":)" + inTokens + R"(,"output_tokens":)" + outTokens + "}},";
  }
  m_line += R"("outputTokenCount":)" + outTokens + "}}";
  return m_line;
}

}  // namespace retort::logs

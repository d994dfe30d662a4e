// Makes defective lines from good ones by editing their text.
#include "logs/generate_dirty.h"

#include <algorithm>

#include "base/json.h"
#include "logs/generate_record.h"

namespace retort::logs {
namespace {

// Kinds 0..5 change the record's own line, which stays acceptable; 6.. add a line behind it.
enum Kind { kInvalidUtf8, kLoneSurrogate, kHugeInteger, kDuplicateKeys, kNulEscape, kBlankLine, kDuplicate, kConflict, kPlainText, kTextBehind, kSingleQuotes,
            kCutLine, kTooDeep, kBadUtf8Outside, kForeign, kNumber, kNoModel, kNoRequestId, kNoInput, kIdIsNumber, kMetadataIsText, kKindCount };

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string out(text);
  const auto at = out.find(from);
  if (at != std::string::npos) out.replace(at, from.size(), to);
  return out;
}

/// `line` with `part` put in behind the first brace.
std::string withMember(std::string_view line, std::string_view part) { return "{" + std::string(part) + std::string(line.substr(1)); }

/// `line` with `part` put into the user's text, or into the caller's ARN where there are no bodies.
std::string withText(std::string_view line, std::string_view part) {
  std::size_t at = std::string_view::npos;
  for (const std::string_view before : {R"("role":"user","content":[{"text":")", R"("role":"user","content":")", "user<|end_header_id|>\\n\\n", "assumed-role/"}) {
    at = line.find(before);
    if (at == std::string_view::npos) continue;
    at += before.size();
    break;
  }
  if (at == std::string_view::npos) at = line.find("\"arn\":\"") + 7;
  return std::string(line.substr(0, at)) + std::string(part) + std::string(line.substr(at));
}

std::string jsonLine(const Json& value) { return dumpJson(value) + "\n"; }

}  // namespace

Defects::Defects(std::uint64_t seed, double rate) : m_random(seed, "defects"), m_rate(rate) {}

int Defects::nextKind() {
  if (m_kinds.empty()) {
    for (int kind = 0; kind < kKindCount; ++kind) m_kinds.push_back(kind);
    m_random.shuffle(m_kinds);
  }
  const int kind = m_kinds.back();
  m_kinds.pop_back();
  return kind;
}

void Defects::reject(const LinePlace& place, RejectReason reason) {
  ++m_counts.rejected;
  m_manifest += jsonLine({{"file", place.file}, {"line", place.line}, {"byte", place.byte}, {"reason", rejectWord(reason)}});
}

void Defects::tolerate(const LinePlace& place, std::string_view kind, std::string_view requestId) {
  m_tolerated += jsonLine({{"file", place.file}, {"line", place.line}, {"byte", place.byte}, {"kind", kind}, {"request_id", requestId}});
}

void Defects::afterMark(const LinePlace& place, std::string_view requestId) {
  if (!m_isBehindMark) return;
  m_isBehindMark = false;
  ++m_counts.repaired;
  tolerate(place, "byte-order-mark", requestId);
}

void Defects::add(GenerateOutput& output, std::string_view line, std::string_view requestId) {
  ++m_counts.lines;
  if (m_rate > 0) m_lastLine = line, m_lastId = requestId;
  if (m_isBehindMark) return void(afterMark(output.add(line), requestId));
  if (!(m_rate > 0 && m_random.chance(m_rate))) return void(output.add(line));
  const int kind = nextKind();
  if (addMendable(output, line, requestId, kind)) return;
  output.add(line);
  ++m_counts.lines;
  addRejected(output, line, requestId, kind);
}

bool Defects::addMendable(GenerateOutput& output, std::string_view line, std::string_view requestId, int kind) {
  std::string changed;
  std::string_view name;
  switch (kind) {
    case kInvalidUtf8: changed = withText(line, "caf\xE9 "), name = "invalid-utf8"; break;
    case kLoneSurrogate: changed = withText(line, "\\ud83d "), name = "lone-surrogate"; break;
    case kHugeInteger: changed = withMember(line, "\"sequence\":123456789012345678901234567890,"), name = "huge-integer"; break;
    case kDuplicateKeys: changed = withMember(line, "\"region\":\"us-east-1\","), name = "duplicate-keys"; break;
    case kNulEscape: changed = withText(line, "\\u0000"), name = "nul-escape"; break;
    case kBlankLine: output.addBlankLine(), changed = line, name = "blank-line-before"; break;
    default: return false;
  }
  tolerate(output.add(changed), name, requestId);
  if (kind <= kHugeInteger) ++m_counts.repaired;
  return true;
}

void Defects::addRejected(GenerateOutput& output, std::string_view line, std::string_view requestId, int kind) {
  const std::string other = replaced(line, requestId, randomUuid(m_random));  // the same call under a new id
  const auto bad = [&](const std::string& text, RejectReason reason) { reject(output.add(text), reason); };
  switch (kind) {
    case kDuplicate:
      ++m_counts.duplicates;
      tolerate(output.add(line), "duplicate", requestId);
      return;
    case kConflict: return bad(replaced(line, "\"accountId\":\"111122223333\"", "\"accountId\":\"444455556666\""), RejectReason::conflict);
    case kPlainText: return bad("WARN router: upstream timed out after 3000 ms, " + std::string(requestId), RejectReason::notJson);
    case kTextBehind: return bad(other + "}", RejectReason::notJson);
    case kSingleQuotes: return bad("{'schemaType': 'ModelInvocationLog', 'requestId': '" + std::string(requestId) + "'}", RejectReason::notJson);
    case kCutLine: return bad(other.substr(0, 40 + m_random.below(other.size() - 60)), RejectReason::truncated);
    case kTooDeep: return bad(withMember(other, "\"extra\":" + std::string(2000, '[') + std::string(2000, ']') + ","), RejectReason::tooDeep);
    case kBadUtf8Outside: return bad(withMember(other, "\xFF\xFE,"), RejectReason::notUtf8);
    case kForeign: return bad(R"({"level":"info","logger":"router","text":"listener ready","port":8443})", RejectReason::noSchema);
    case kNumber: return bad(R"([1, 2, 3])", RejectReason::noSchema);
    case kNoModel: return bad(replaced(other, "\"modelId\":", "\"modelName\":"), RejectReason::missingField);
    case kNoRequestId: return bad(replaced(other, "\"requestId\":", "\"request\":"), RejectReason::missingField);
    case kNoInput: return bad(replaced(other, "\"input\":{", "\"asked\":{"), RejectReason::missingField);
    case kIdIsNumber: return bad(replaced(line, "\"" + std::string(requestId) + "\"", "17"), RejectReason::badType);
    default: return bad(withMember(replaced(other, "\"requestMetadata\":", "\"otherMetadata\":"), "\"requestMetadata\":\"none\","), RejectReason::badType);
  }
}

void Defects::beginFile(GenerateOutput& output) {
  if (m_rate <= 0) return;
  ++m_filesBegun;
  const double chance = std::min(0.4, 4 * m_rate);
  m_isBehindMark = m_random.chance(chance);
  if (m_isBehindMark) output.addByteOrderMark();
  if (m_random.chance(chance)) output.splitMembers();
  m_cutThisFile = m_random.chance(chance) || (!m_hasCut && m_filesBegun == 2);  // the second file at the latest
}

void Defects::endFile(GenerateOutput& output) {
  if (!m_cutThisFile || m_lastLine.empty()) return;
  m_cutThisFile = false;
  m_hasCut = true;
  const std::string other = replaced(m_lastLine, m_lastId, randomUuid(m_random));
  ++m_counts.lines;
  reject(output.addCutEnd(std::string_view(other).substr(0, other.size() / 2)), RejectReason::truncated);
}

bool Defects::wantsMissingSpill() { return m_rate > 0 && m_random.chance(m_rate / 10); }

}  // namespace retort::logs

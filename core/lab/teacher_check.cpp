// Checkers of answers, and a plain scan for personal data before anything leaves the machine.
#include "lab/teacher_check.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <set>

#include "base/format.h"
#include "base/json.h"

namespace retort::lab {
namespace {

std::vector<std::string> listOf(std::string_view text) {
  std::vector<std::string> out;
  for (const auto part : splitView(text, ','))
    if (!trimmed(part).empty()) out.emplace_back(trimmed(part));
  return out;
}

/// The document inside a text: as it stands, or inside a fence.
Result<Json> documentIn(const std::string& answer) {
  std::string_view text = trimmed(answer);
  if (text.starts_with("```")) {
    const auto first = text.find('\n'), last = text.rfind("```");
    if (first != std::string_view::npos && last > first) text = trimmed(text.substr(first + 1, last - first - 1));
  }
  return parseJson(text, "answer");
}

bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isWord(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

bool luhn(std::string_view digits) {
  int sum = 0;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    int d = digits[digits.size() - 1 - i] - '0';
    if (i % 2 == 1) d = d * 2 > 9 ? d * 2 - 9 : d * 2;
    sum += d;
  }
  return sum % 10 == 0;
}

/// ISO 13616: the first four characters to the end, letters as 10..35, rest 1 modulo 97.
bool isIban(std::string_view text) {
  if (text.size() < 15 || text.size() > 34) return false;
  int rest = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[(i + 4) % text.size()];
    const int value = isDigit(c) ? c - '0' : c - 'A' + 10;
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest == 1;
}

void findMail(std::string_view text, std::set<std::string>& found) {
  for (auto at = text.find('@'); at != std::string_view::npos; at = text.find('@', at + 1)) {
    const bool before = at > 0 && (isWord(text[at - 1]) || text[at - 1] == '_' || text[at - 1] == '-');
    std::size_t end = at + 1;
    while (end < text.size() && (isWord(text[end]) || text[end] == '.' || text[end] == '-')) ++end;
    const auto domain = text.substr(at + 1, end - at - 1);
    const auto dot = domain.find('.');
    if (before && dot != std::string_view::npos && dot > 0 && domain.size() > dot + 2 && std::isalpha(static_cast<unsigned char>(domain[dot + 1]))) found.insert("e-mail");
  }
}

/// Runs of digits with blanks, hyphens, dots and brackets between them: cards, phones, addresses of the internet.
void findNumbers(std::string_view text, std::set<std::string>& found) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool plus = text[i] == '+';
    if (!(isDigit(text[i]) || plus) || (i > 0 && (isWord(text[i - 1]) || text[i - 1] == '.'))) continue;
    std::string digits;
    std::size_t end = i, dots = 0;
    for (; end < text.size() && end - i < 40; ++end) {
      const char c = text[end];
      if (isDigit(c)) digits.push_back(c);
      else if (c == '.') ++dots;
      else if (!(c == ' ' || c == '-' || c == '(' || c == ')' || (c == '+' && end == i))) break;
    }
    while (end > i && !isDigit(text[end - 1])) dots -= text[--end] == '.';
    const auto run = text.substr(i, end - i);
    if (digits.size() >= 13 && digits.size() <= 19 && dots == 0 && luhn(digits) && digits.find_first_not_of(digits[0]) != std::string::npos) found.insert("card");
    else if (plus && digits.size() >= 8 && digits.size() <= 15) found.insert("phone");
    else if (dots == 0 && digits.size() >= 10 && digits.size() <= 12 && run.find_first_of(" -(") != std::string_view::npos) found.insert("phone");
    else if (dots == 3) {
      const auto parts = splitView(run, '.');
      if (std::all_of(parts.begin(), parts.end(), [](std::string_view p) { return !p.empty() && p.size() <= 3 && p.find_first_not_of("0123456789") == std::string_view::npos && std::stoi(std::string(p)) < 256; })) found.insert("IP address");
    }
    i = std::max(i, end > i ? end - 1 : i);
  }
}

void findCodes(std::string_view text, std::set<std::string>& found) {
  for (const std::string_view head : {"sk-", "AKIA", "ASIA", "eyJ", "-----BEGIN "}) {
    for (auto at = text.find(head); at != std::string_view::npos; at = text.find(head, at + 1)) {
      if (at > 0 && isWord(text[at - 1])) continue;
      std::size_t end = at;
      while (end < text.size() && (isWord(text[end]) || text[end] == '-' || text[end] == '_' || text[end] == '.')) ++end;
      if (end - at >= 20 || (head[0] == '-' && text.substr(at, 60).find("PRIVATE KEY") != std::string_view::npos) || (head[0] == 'A' && end - at == 20)) found.insert("key");
    }
  }
  for (std::size_t i = 0; i + 15 <= text.size(); ++i) {
    if (!std::isupper(static_cast<unsigned char>(text[i])) || !std::isupper(static_cast<unsigned char>(text[i + 1])) || !isDigit(text[i + 2]) || !isDigit(text[i + 3]) || (i > 0 && isWord(text[i - 1]))) continue;
    std::string code;
    for (std::size_t k = i; k < text.size() && code.size() < 34; ++k) {
      if (isDigit(text[k]) || std::isupper(static_cast<unsigned char>(text[k]))) code.push_back(text[k]);
      else if (text[k] != ' ') break;
      if (isIban(code)) found.insert("IBAN");
    }
  }
}

}  // namespace

Result<AnswerChecker> AnswerChecker::parse(const std::string& text, const data::EvalPlan& plan) {
  AnswerChecker c;
  c.m_plan = plan;
  const auto colon = text.find(':');
  const std::string kind = text.substr(0, colon), rest = colon == std::string::npos ? "" : text.substr(colon + 1);
  const auto bad = [&](std::string why) { return Error{"lab.check.text", "\"" + shown(text) + "\" is no check of answers", {}, std::move(why), "Use none, labels, labels:a,b, regex:PATTERN, json or json:key1,key2.", {}, {}}; };
  if (kind.empty() || kind == "none") return c;
  if (kind == "labels") {
    c.m_kind = Kind::labels;
    if (!rest.empty()) c.m_plan.labels = listOf(rest);
    c.m_plan.extractor = "label";
    if (c.m_plan.labels.empty()) return bad("the dataset's plan has no labels");
    return c;
  }
  if (kind == "regex") {
    c.m_kind = Kind::regex;
    RETORT_TRY(c.m_regex, text::Regex::compile(rest, "--check"));
    return c;
  }
  if (kind == "json") {
    c.m_kind = Kind::json;
    c.m_keys = listOf(rest);
    return c;
  }
  return bad("no such kind is known");
}

Result<std::string> AnswerChecker::reject(const std::string& answer) const {
  if (trimmed(answer).empty()) return std::string("empty");
  if (m_kind == Kind::labels) return std::string(data::extractAnswer(m_plan, answer).empty() ? "not one of the labels" : "");
  if (m_kind == Kind::regex) {
    RETORT_TRY(const auto match, m_regex->find(isValidUtf8(answer) ? answer : repairUtf8(answer), 0));
    return std::string(match.found ? "" : "does not match the pattern");
  }
  if (m_kind == Kind::json) {
    const auto document = documentIn(answer);
    if (!document.ok()) return std::string("no JSON");
    for (const auto& key : m_keys)
      if (!document->is_object() || !document->contains(key)) return "JSON without " + key;
  }
  return std::string();
}

std::string AnswerChecker::vote(const std::string& answer) const {
  return m_kind == Kind::labels ? data::extractAnswer(m_plan, answer) : std::string(trimmed(answer));
}

std::vector<std::string> personalData(const std::string& text) {
  std::set<std::string> found;
  findMail(text, found);
  findNumbers(text, found);
  findCodes(text, found);
  return {found.begin(), found.end()};
}

}  // namespace retort::lab

// The single checks of the export gate.
#include "exports/verify_checks.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/format.h"
#include "base/hash.h"

namespace retort::exports {
namespace {

std::string listed(const std::vector<std::int32_t>& ids) {
  std::string out;
  for (const auto id : ids) out += (out.empty() ? "" : ", ") + std::to_string(id);
  return out.empty() ? "none" : out;
}

/// Without [PADn] at the end, which fills the rows of an embedding that no token uses.
std::vector<std::string> withoutPadding(std::vector<std::string> tokens) {
  while (!tokens.empty() && tokens.back() == "[PAD" + std::to_string(tokens.size() - 1) + "]") tokens.pop_back();
  return tokens;
}

std::string firstUnlike(const std::vector<std::string>& wanted, const std::vector<std::string>& found) {
  for (std::size_t i = 0; i < std::min(wanted.size(), found.size()); ++i)
    if (wanted[i] != found[i]) return fill("entry {} is {} instead of {}", {std::to_string(i), shown(found[i]), shown(wanted[i])});
  return fill("there are {} instead of {}", {std::to_string(found.size()), std::to_string(wanted.size())});
}

std::string firstUnlikeText(std::string_view wanted, std::string_view found) {
  const auto at = static_cast<std::size_t>(std::mismatch(wanted.begin(), wanted.end(), found.begin(), found.end()).first - wanted.begin());
  return fill("it differs from byte {} on ({} bytes instead of {})", {std::to_string(at), std::to_string(found.size()), std::to_string(wanted.size())});
}

}  // namespace

void addCheck(Verdict& verdict, std::string name, bool ok, std::string detail) { verdict.checks.push_back({std::move(name), ok, std::move(detail)}); }

void checkFiles(Verdict& verdict, const FileHashes& expected, const FileHashes& found) {
  const std::map<std::string, std::string> wanted(expected.begin(), expected.end()), there(found.begin(), found.end());
  for (const auto& [path, hash] : wanted) {
    const auto it = there.find(path);
    if (it == there.end()) return addCheck(verdict, "files", false, path + " is missing");
    if (it->second != hash) return addCheck(verdict, "files", false, path + " has sha256 " + it->second + " instead of " + hash);
  }
  for (const auto& [path, hash] : there)
    if (!wanted.contains(path)) return addCheck(verdict, "files", false, path + " was not exported");
  addCheck(verdict, "files", !wanted.empty(), std::to_string(wanted.size()) + (wanted.size() == 1 ? " file has its hash" : " files have their hashes"));
}

void checkConfig(Verdict& verdict, const models::DecoderConfig& a, const models::DecoderConfig& b) {
  std::string bad;
  const auto same = [&](const char* name, auto x, auto y) {
    if (x != y && bad.empty()) bad = std::string(name) + " is " + Json(y).dump() + " instead of " + Json(x).dump();
  };
  // GGUF writes mistral as llama and stores f32.
  same("family", a.family == "mistral" ? "llama" : a.family, b.family == "mistral" ? "llama" : b.family);
  same("vocab", a.vocab, b.vocab), same("hidden", a.hidden, b.hidden), same("layers", a.layers, b.layers), same("heads", a.heads, b.heads);
  same("kv_heads", a.kvHeads, b.kvHeads), same("head_dim", a.headDim, b.headDim), same("ffn", a.ffn, b.ffn), same("context", a.context, b.context);
  same("tied", a.tiedEmbeddings, b.tiedEmbeddings), same("sliding_window", a.slidingWindow, b.slidingWindow), same("nope_layers", a.nopeLayers, b.nopeLayers);
  same("rms_epsilon", static_cast<float>(a.rmsEpsilon), static_cast<float>(b.rmsEpsilon)), same("rope_theta", static_cast<float>(a.ropeTheta), static_cast<float>(b.ropeTheta));
  same("rope_scaling", a.ropeScaling.type, b.ropeScaling.type);
  if (!a.ropeScaling.type.empty()) same("rope_factor", static_cast<float>(a.ropeScaling.factor), static_cast<float>(b.ropeScaling.factor));
  addCheck(verdict, "config", bad.empty(), bad.empty() ? fill("{} layers of {}", {std::to_string(b.layers), std::to_string(b.hidden)}) : bad);
}

void checkText(Verdict& verdict, const TextFacts& wanted, const TextFacts& found) {
  const auto a = withoutPadding(wanted.tokens), b = withoutPadding(found.tokens);
  addCheck(verdict, "tokens", a == b, a == b ? std::to_string(b.size()) + " token strings are equal" : firstUnlike(a, b));
  const bool merges = wanted.merges == found.merges;
  addCheck(verdict, "merges", merges, merges ? std::to_string(found.merges.size()) + " merges are equal" : firstUnlike(wanted.merges, found.merges));
  const bool same = wanted.chatTemplate == found.chatTemplate;
  addCheck(verdict, "template", same, same ? std::to_string(found.chatTemplate.size()) + " bytes are equal" : firstUnlikeText(wanted.chatTemplate, found.chatTemplate));
  addCheck(verdict, "stop", wanted.stopIds == found.stopIds, "an answer ends with " + listed(found.stopIds) + (wanted.stopIds == found.stopIds ? "" : " instead of " + listed(wanted.stopIds)));
  const bool bos = wanted.addsBos == found.addsBos && (wanted.bosId == found.bosId || (!wanted.addsBos && (wanted.bosId < 0 || found.bosId < 0)));
  addCheck(verdict, "bos", bos, fill("BOS {} is {}added to plain text{}", {std::to_string(found.bosId), found.addsBos ? "" : "not ", bos ? "" : fill("; the student's BOS is {} and {}added", {std::to_string(wanted.bosId), wanted.addsBos ? "" : "not "})}));
}

void checkRecordedText(Verdict& verdict, const Json& recorded, const TextFacts& found) {
  TextFacts bare = found;
  bare.tokens = withoutPadding(found.tokens);
  const Json now = bare.toJson();
  const std::pair<const char*, const char*> kChecks[] = {{"tokens", "tokens_sha256"}, {"merges", "merges_sha256"}, {"template", "template_sha256"}, {"stop", "stop_ids"}, {"bos", "adds_bos"}};
  for (const auto& [name, key] : kChecks) {
    const Json wanted = recorded.is_object() && recorded.contains(key) ? recorded[key] : Json();
    addCheck(verdict, name, !wanted.is_null() && wanted == now[key], wanted == now[key] ? "as recorded" : dumpJson(now[key]) + " instead of the recorded " + dumpJson(wanted));
  }
}

Status encodePrompts(const models::TextParts& text, std::vector<Prompt>& prompts) {
  for (auto& prompt : prompts) {
    if (text.chat) {
      RETORT_TRY(auto chat, text::encodePrompt(*text.chat, *text.tokenizer, text.tokens, prompt.messages, prompt.tools));
      prompt.ids = std::move(chat.ids);
    } else {
      RETORT_TRY(prompt.ids, text.tokenizer->encode(job::contentText(prompt.messages.back())));
    }
  }
  return {};
}

Status checkPrompts(Verdict& verdict, const models::TextParts& made, const std::vector<Prompt>& prompts) {
  std::vector<Prompt> again = prompts;
  if (auto encoded = encodePrompts(made, again); !encoded.ok()) {
    addCheck(verdict, "prompts", false, encoded.error().text());
    return {};
  }
  for (std::size_t i = 0; i < prompts.size(); ++i)
    if (again[i].ids != prompts[i].ids) {
      const auto at = std::mismatch(prompts[i].ids.begin(), prompts[i].ids.end(), again[i].ids.begin(), again[i].ids.end()).first - prompts[i].ids.begin();
      addCheck(verdict, "prompts", false, fill("prompt {} has other ids from position {} on", {prompts[i].id, std::to_string(at)}));
      return {};
    }
  addCheck(verdict, "prompts", true, std::to_string(prompts.size()) + " prompts give the same ids");
  return {};
}

void judgeGreedy(Verdict& verdict, const GreedyReport& report, bool quantised) {
  verdict.greedy = report;
  const std::string summary = fill("{} of {} answers are the same, {} part at a near tie, {} differ", {std::to_string(report.same), std::to_string(report.rows), std::to_string(report.nearTies), std::to_string(report.different)});
  if (!quantised) {
    // "Same greedy tokens": near ties are counted and must stay under a tenth (one may always happen).
    const bool ok = report.rows > 0 && report.different == 0 && report.nearTies <= std::max<std::int64_t>(1, report.rows / 10);
    addCheck(verdict, "greedy", ok, summary);
    return;
  }
  addCheck(verdict, "greedy", report.rows > 0, summary + "; " + formatPercent(report.agreement()) + " of tokens agree");
  const double limit = klLimit(verdict.format);
  const bool ok = report.meanKl >= 0 && report.meanKl <= limit;
  addCheck(verdict, "kl", ok, fill("mean KL {} nats a token, at most {} for {}", {formatNumber(report.meanKl, 5), formatNumber(limit, 3), verdict.format}));
}

}  // namespace retort::exports

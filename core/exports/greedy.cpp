// Asking workers for greedy answers and comparing them.
#include "exports/greedy.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "job/rpc.h"

namespace retort::exports {
namespace {

constexpr int kTop = 64;

Json idsJson(const std::vector<std::int32_t>& ids) { return Json(ids); }

}  // namespace

Json GreedyReport::toJson() const {
  Json out = {{"rows", rows}, {"same", same}, {"near_ties", nearTies}, {"different", different}, {"agreement", agreement()}, {"first_difference", firstDifference}};
  if (meanKl >= 0) out["mean_kl"] = meanKl;
  return out;
}

Result<std::vector<Prompt>> heldOutPrompts(const std::filesystem::path& datasetFolder, std::size_t count) {
  std::vector<Prompt> out;
  std::error_code code;
  if (!datasetFolder.empty()) {
    for (const char* part : {"test.jsonl", "validation.jsonl"}) {
      if (!std::filesystem::exists(datasetFolder / part, code)) continue;
      RETORT_TRY(const auto rows, job::readAllRows(datasetFolder / part));
      const std::size_t take = std::min(count, rows.size());
      for (std::size_t i = 0; i < take; ++i) {
        const auto& row = rows[i * rows.size() / take];
        out.push_back({row.id, row.messages, row.tools, {}});
      }
      if (!out.empty()) return out;
    }
  }
  static const char* const kQuestions[] = {"What is the capital of France?", "Name three colours.", "How many days has a week?", "Say good morning in Spanish.", "What is 12 plus 30?",
                                           "Write one sentence about the sea.", "Is fire hot or cold?", "Which animal barks?"};
  for (const char* question : kQuestions)
    if (out.size() < count) out.push_back({"built-in-" + std::to_string(out.size() + 1), Json::array({{{"role", "user"}, {"content", question}}}), nullptr, {}});
  return out;
}

struct Speaker::Private {
  std::unique_ptr<job::RpcClient> client;
};

Speaker::Speaker() : m(std::make_unique<Private>()) {}
Speaker::Speaker(Speaker&&) noexcept = default;
Speaker::~Speaker() = default;

Result<Speaker> Speaker::start(const std::filesystem::path& model, const std::filesystem::path& adapter, std::stop_token stop) {
  Speaker speaker;
  job::RpcClient::Options options;
  options.dtype = "f32";
  options.device = "cpu";
  options.adapter = adapter;
  RETORT_TRY(speaker.m->client, job::RpcClient::start(model, options, stop));
  return speaker;
}

Result<std::vector<Answer>> Speaker::answers(const std::vector<Prompt>& prompts, int maxTokens, std::stop_token stop) {
  Json list = Json::array();
  for (const auto& prompt : prompts) list.push_back({{"ids", idsJson(prompt.ids)}});
  // One row at a time: products of batches round differently, and two files must be asked in the same way.
  RETORT_TRY(const Json result, m->client->call("generate", {{"prompts", list}, {"max_tokens", maxTokens}, {"temperature", 0}, {"logprobs", 2}, {"batch", 1}}, {}, stop));
  std::vector<Answer> out;
  for (const Json& output : result.value("outputs", Json::array())) {
    Answer answer;
    answer.ids = output.value("ids", std::vector<std::int32_t>());
    for (const Json& top : output.value("top", Json::array())) answer.leads.push_back(top.size() >= 2 ? numberOf(top[0][1], 0) - numberOf(top[1][1], -1e9) : 1e9);
    answer.leads.resize(answer.ids.size(), 1e9);
    out.push_back(std::move(answer));
  }
  if (out.size() != prompts.size())
    return Error{"exports.verify.answers", "The model process did not answer every prompt", "", std::to_string(out.size()) + " of " + std::to_string(prompts.size()), "Try again", "", {}};
  return out;
}

Result<std::vector<Speaker::Top>> Speaker::scores(const std::vector<Prompt>& prompts, const std::vector<Answer>& answers, std::stop_token stop) {
  std::vector<Top> out;
  for (std::size_t i = 0; i < prompts.size(); ++i) {   // one row a call keeps lines short
    std::vector<std::int32_t> ids = prompts[i].ids;
    ids.insert(ids.end(), answers[i].ids.begin(), answers[i].ids.end());
    Top top;
    if (!answers[i].ids.empty()) {
      RETORT_TRY(const Json result, m->client->call("score", {{"items", {{{"ids", idsJson(ids)}, {"from", prompts[i].ids.size()}}}}, {"top_k", kTop}}, {}, stop));
      for (const Json& place : result["items"][0].value("top", Json::array())) {
        auto& row = top.emplace_back();
        for (const Json& pair : place) row.emplace_back(pair[0].get<std::int32_t>(), numberOf(pair[1], -1e9));
      }
    }
    out.push_back(std::move(top));
  }
  return out;
}

GreedyReport compareAnswers(const std::vector<Prompt>& prompts, const std::vector<Answer>& student, const std::vector<Answer>& made) {
  GreedyReport report;
  for (std::size_t i = 0; i < student.size() && i < made.size(); ++i) {
    const auto &a = student[i].ids, &b = made[i].ids;
    const auto at = static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
    ++report.rows;
    report.agreeing += static_cast<std::int64_t>(at);
    report.tokens += static_cast<std::int64_t>(at);
    if (a == b) {
      ++report.same;
      continue;
    }
    ++report.tokens;
    // A lead of either side decides: the shorter answer ended where the other went on.
    double lead = 1e9;
    if (at < student[i].leads.size()) lead = std::min(lead, student[i].leads[at]);
    if (at < made[i].leads.size()) lead = std::min(lead, made[i].leads[at]);
    ++(lead < kNearTie ? report.nearTies : report.different);
    if (report.firstDifference.is_null() && lead >= kNearTie)
      report.firstDifference = {{"row", i < prompts.size() ? prompts[i].id : std::to_string(i)}, {"position", at}, {"student", at < a.size() ? Json(a[at]) : Json(nullptr)},
                                {"export", at < b.size() ? Json(b[at]) : Json(nullptr)}, {"lead", lead < 1e8 ? Json(lead) : Json(nullptr)}};
  }
  return report;
}

double meanKl(const std::vector<Speaker::Top>& student, const std::vector<Speaker::Top>& made) {
  double sum = 0;
  std::int64_t places = 0;
  for (std::size_t row = 0; row < student.size() && row < made.size(); ++row)
    for (std::size_t at = 0; at < student[row].size() && at < made[row].size(); ++at) {
      std::map<std::int32_t, double> other(made[row][at].begin(), made[row][at].end());
      // A token that the other list lacks has at most the probability of that list's last.
      const double floor = made[row][at].empty() ? -30 : made[row][at].back().second;
      double kl = 0, restP = 1, restQ = 1;
      for (const auto& [id, logP] : student[row][at]) {
        const auto it = other.find(id);
        const double p = std::exp(logP), logQ = it != other.end() ? it->second : floor;
        kl += p * (logP - logQ);
        restP -= p;
        restQ -= std::exp(logQ);
      }
      if (restP > 1e-9) kl += restP * (std::log(restP) - std::log(std::max(restQ, 1e-9)));
      sum += std::max(kl, 0.0);
      ++places;
    }
  return places > 0 ? sum / static_cast<double>(places) : 0;
}

double klLimit(std::string_view format) {
  static const std::map<std::string_view, double> kLimits = {{"q8_0", 0.02}, {"q6_k", 0.05},  {"q5_k_m", 0.12}, {"q5_1", 0.15}, {"q5_0", 0.15},  {"q4_k_m", 0.35},
                                                             {"q4_k_s", 0.4}, {"q4_1", 0.4}, {"q4_0", 0.5},    {"q3_k_m", 0.9}, {"q2_k", 2.0}};
  const auto it = kLimits.find(format.substr(format.find(':') + 1));
  return it == kLimits.end() ? 0.001 : it->second;
}

}  // namespace retort::exports

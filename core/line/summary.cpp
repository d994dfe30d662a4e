// Report and exports into one document and one table.
#include "line/summary.h"

#include <algorithm>
#include <functional>

#include "base/files.h"
#include "base/format.h"

namespace retort::line {
namespace {

Json figuresOf(const Json& model) {
  const Json latency = model.value("latency", Json::object());
  const Json request = latency.is_object() ? latency.value("request_ms", Json::object()) : Json::object();
  Json out = {{"name", model.value("name", std::string())},
              {"accuracy", model.value("accuracy", Json(nullptr))},
              {"interval", model.value("interval", Json(nullptr))},
              {"p50_ms", request.is_object() ? request.value("p50", Json(nullptr)) : Json(nullptr)},
              {"tokens_per_s", latency.is_object() ? latency.value("tokens_per_s", Json(nullptr)) : Json(nullptr)},
              {"bytes", model.value("bytes", Json(nullptr))}};
  return out;
}

std::string padded(std::string text, std::size_t width, bool right = false) {
  const std::size_t length = utf8Length(text);
  if (length >= width) return text;
  return right ? std::string(width - length, ' ') + text : text + std::string(width - length, ' ');
}

std::string cell(const Json& value, const std::function<std::string(double)>& show) { return value.is_number() ? show(value.get<double>()) : "–"; }

std::vector<std::string> rowOf(std::string_view role, const Json& m) {
  const Json interval = m.value("interval", Json(nullptr));
  const std::string range = interval.is_array() && interval.size() == 2 && interval[0].is_number()
                                ? formatNumber(interval[0].get<double>() * 100, 1) + "–" + formatNumber(interval[1].get<double>() * 100, 1) : "–";
  return {std::string(role), cell(m.value("accuracy", Json(nullptr)), [](double v) { return formatPercent(v); }), range,
          cell(m.value("p50_ms", Json(nullptr)), [](double v) { return formatNumber(v, 1) + " ms"; }),
          cell(m.value("tokens_per_s", Json(nullptr)), [](double v) { return formatNumber(v, 1); }),
          cell(m.value("bytes", Json(nullptr)), [](double v) { return formatBytes(static_cast<std::uint64_t>(v)); })};
}

}  // namespace

Result<Json> summaryOf(const std::filesystem::path& reportFolder, const Json& exports) {
  RETORT_TRY(const Json report, readJsonFile(reportFolder / "report.json"));
  Json out = {{"teacher", nullptr}, {"base", nullptr}, {"student", nullptr}, {"speedup_p50", nullptr}};
  Json also = Json::array();
  for (const auto& model : report.value("models", Json::array())) {
    const std::string role = model.value("role", std::string());
    if (role == "teacher" || role == "base" || role == "student") out[role] = figuresOf(model);
    else also.push_back(figuresOf(model));
  }
  const auto p50 = [&](const char* role) { return out[role].is_object() ? numberOf(out[role]["p50_ms"], 0) : 0.0; };
  if (p50("teacher") > 0 && p50("student") > 0) out["speedup_p50"] = p50("teacher") / p50("student");
  if (!also.empty()) out["also"] = also;
  out["rows"] = report.value("rows", Json(nullptr));
  out["verdict"] = report.value("verdict", Json(nullptr));
  out["report"] = reportFolder.filename().string();
  out["exports"] = exports;
  return out;
}

std::vector<std::string> summaryTable(const Json& summary) {
  std::vector<std::vector<std::string>> rows = {{"", "accuracy", "95 % interval", "p50", "tokens/s", "size"}};
  for (const auto& [role, label] : {std::pair<const char*, const char*>{"teacher", "teacher"}, {"base", "base model (before training)"}, {"student", "student"}})
    if (summary.value(role, Json(nullptr)).is_object()) rows.push_back(rowOf(label, summary[role]));
  for (const auto& m : summary.value("also", Json::array())) rows.push_back(rowOf(m.value("name", std::string()), m));
  std::vector<std::size_t> widths(rows[0].size(), 0);
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], utf8Length(row[i]));
  std::vector<std::string> lines;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) line += (i > 0 ? "  " : "") + padded(row[i], widths[i], i > 0);
    lines.push_back(line);
    if (lines.size() == 1) lines.emplace_back(utf8Length(line), '-');
  }
  if (summary.value("speedup_p50", Json(nullptr)).is_number()) lines.push_back("The student answers " + formatNumber(summary["speedup_p50"].get<double>(), 2) + " times as fast as its teacher (p50, this machine).");
  if (const auto verdict = summary.value("verdict", Json(nullptr)); verdict.is_object() && verdict.contains("sentence")) lines.push_back(verdict["sentence"].get<std::string>());
  else if (verdict.is_string()) lines.push_back(verdict.get<std::string>());
  lines.emplace_back();
  for (const auto& e : summary.value("exports", Json::array()))
    lines.push_back(std::string(e.value("verified", false) ? "verified  " : "NOT VERIFIED  ") + e.value("format", std::string()) + "  " + e.value("path", std::string()) + "  " + e.value("sha256", std::string()));
  return lines;
}

}  // namespace retort::line

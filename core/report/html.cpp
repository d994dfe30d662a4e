// A report as one page of HTML: inline SVG, no script, nothing fetched; every foreign text escaped.
#include <algorithm>

#include "base/format.h"
#include "report/report.h"

namespace retort::report {
namespace {

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' ? '?' : c;
    }
  }
  return out;
}

/// Copper is the student, blue the teacher, grey the base model; others take the next colours.
std::string colourOf(const ModelScore& m, std::size_t index) {
  if (m.role == "student") return "var(--student)";
  if (m.role == "teacher") return "var(--teacher)";
  if (m.role == "base") return "var(--base)";
  return "var(--other" + std::to_string(index % 5) + ")";
}


std::string num(double v) { return formatNumber(v, 1); }

/// A marker whose shape tells the role too, for readers who see no colours: student disc, teacher square, base ring, others diamonds.
std::string marker(const ModelScore& m, std::size_t index, double x, double y) {
  const std::string colour = colourOf(m, index);
  if (m.role == "teacher") return "<rect style=\"fill:" + colour + "\" x=\"" + num(x - 5) + "\" y=\"" + num(y - 5) + "\" width=\"10\" height=\"10\"/>";
  if (m.role == "base") return "<circle style=\"fill:var(--surface);stroke:" + colour + "\" stroke-width=\"2\" cx=\"" + num(x) + "\" cy=\"" + num(y) + "\" r=\"5\"/>";
  if (m.role == "student") return "<circle style=\"fill:" + colour + "\" cx=\"" + num(x) + "\" cy=\"" + num(y) + "\" r=\"6\"/>";
  return "<path style=\"fill:" + colour + "\" d=\"M" + num(x - 6) + " " + num(y) + "l6-6 6 6-6 6z\"/>";
}

std::string intervalPlot(const Report& report) {
  const double left = 190, width = 520, row = 30;
  const double height = row * static_cast<double>(report.models.size()) + 34;
  std::string svg = "<svg viewBox=\"0 0 760 " + num(height) + "\" role=\"img\" aria-label=\"Accuracy with 95 % intervals\">";
  for (int i = 0; i <= 4; ++i) {
    const double x = left + width * i / 4;
    svg += "<path class=\"grid\" d=\"M" + num(x) + " 4V" + num(height - 24) + "\"/><text class=\"muted\" x=\"" + num(x) + "\" y=\"" + num(height - 8) + "\" text-anchor=\"middle\">" +
           std::to_string(i * 25) + " %</text>";
  }
  for (std::size_t i = 0; i < report.models.size(); ++i) {
    const auto& m = report.models[i];
    const double y = row * (static_cast<double>(i) + 0.6);
    const auto at = [&](double share) { return num(left + width * share); };
    svg += "<text x=\"" + num(left - 12) + "\" y=\"" + num(y + 4) + "\" text-anchor=\"end\">" + escaped(m.name) + "</text><path style=\"stroke:" + colourOf(m, i) + "\" stroke-width=\"2\" d=\"M" +
           at(m.interval.low) + " " + num(y) + "H" + at(m.interval.high) + "M" + at(m.interval.low) + " " + num(y - 5) + "v10M" + at(m.interval.high) + " " + num(y - 5) + "v10\"/>" + marker(m, i, left + width * m.accuracy, y);
  }
  return svg + "</svg>";
}

std::string scatterPlot(const Report& report) {
  double slowest = 0;
  for (const auto& m : report.models)
    if (m.latency) slowest = std::max(slowest, m.latency->requestP50);
  if (slowest <= 0) return {};
  const double left = 70, width = 640, top = 10, height = 240, right = slowest * 1.15;
  std::string svg = "<svg viewBox=\"0 0 760 300\" role=\"img\" aria-label=\"Latency against accuracy\">";
  for (int i = 0; i <= 4; ++i) {
    const double y = top + height * (1 - i / 4.0), x = left + width * i / 4;
    svg += "<path class=\"grid\" d=\"M" + num(left) + " " + num(y) + "h" + num(width) + "\"/><text class=\"muted\" x=\"" + num(left - 8) + "\" y=\"" + num(y + 4) + "\" text-anchor=\"end\">" + std::to_string(i * 25) +
           " %</text><text class=\"muted\" x=\"" + num(x) + "\" y=\"" + num(top + height + 18) + "\" text-anchor=\"middle\">" + num(right * i / 4) + "</text>";
  }
  svg += "<text class=\"muted\" x=\"" + num(left + width / 2) + "\" y=\"" + num(top + height + 38) + "\" text-anchor=\"middle\">p50 of a whole request, ms</text>";
  for (std::size_t i = 0; i < report.models.size(); ++i) {
    const auto& m = report.models[i];
    if (!m.latency) continue;
    const double x = left + width * m.latency->requestP50 / right;
    const auto y = [&](double share) { return num(top + height * (1 - share)); };
    svg += "<path style=\"stroke:" + colourOf(m, i) + "\" stroke-width=\"2\" d=\"M" + num(x) + " " + y(m.interval.low) + "V" + y(m.interval.high) + "\"/>" + marker(m, i, x, top + height * (1 - m.accuracy)) +
           "<text x=\"" + num(x + 10) + "\" y=\"" + y(m.accuracy) + "\">" + escaped(m.name) + "</text>";
  }
  return svg + "</svg>";
}

std::string scoreTable(const Report& report) {
  std::string html = "<table><thead><tr><th>Model</th><th>Role</th><th>Accuracy, %</th><th>95 % interval</th><th>Macro F1</th><th>In expected form, %</th><th>Agrees with teacher, %</th><th>First token p50, ms</th><th>Request p50, ms</th>"
                     "<th>Request p95, ms</th><th>Tokens/s</th><th>Size</th></tr></thead><tbody>";
  for (const auto& m : report.models) {
    const auto cell = [](const std::string& text) { return "<td>" + text + "</td>"; };
    html += "<tr><th scope=\"row\">" + escaped(m.name) + "</th>" + cell(escaped(m.role)) + cell(formatNumber(m.accuracy * 100, 1)) +
            cell(formatNumber(m.interval.low * 100, 1) + "–" + formatNumber(m.interval.high * 100, 1)) + cell(m.classes.empty() ? "–" : formatNumber(m.macroF1, 3)) +
            cell(report.rows > 0 ? formatNumber(100.0 * static_cast<double>(m.valid) / static_cast<double>(report.rows), 1) : "–") + cell(m.agreement ? formatNumber(*m.agreement * 100, 1) : "–") +
            cell(m.latency ? num(m.latency->ttftP50) : "–") + cell(m.latency ? num(m.latency->requestP50) : "–") + cell(m.latency ? num(m.latency->requestP95) : "–") +
            cell(m.latency ? num(m.latency->tokensPerSecond) : "–") + cell(m.logged ? "–" : formatBytes(m.bytes)) + "</tr>";
  }
  return html + "</tbody></table>";
}

std::string differenceTable(const Report& report) {
  if (report.differences.empty()) return {};
  std::string html = "<h2>Paired differences</h2><table><thead><tr><th>First − second</th><th>Difference, points</th><th>95 % interval (Tango)</th><th>Only first right</th><th>Only second right</th><th>McNemar p</th><th>p, corrected (Holm)</th><th>Could have shown, points</th></tr></thead><tbody>";
  for (const auto& d : report.differences)
    html += "<tr><th scope=\"row\">" + escaped(d.first) + " − " + escaped(d.second) + "</th><td>" + formatNumber(d.counts.difference() * 100, 1) + "</td><td>" + formatNumber(d.interval.low * 100, 1) + " to " +
            formatNumber(d.interval.high * 100, 1) + "</td><td>" + std::to_string(d.counts.b) + "</td><td>" + std::to_string(d.counts.c) + "</td><td>" + formatNumber(d.p, 4) + "</td><td>" + formatNumber(d.pHolm, 4) + "</td><td>" +
            formatNumber(d.detectable * 100, 1) + "</td></tr>";
  return html + "</tbody></table>";
}

std::string worstRows(const Report& report, const std::vector<RowAnswer>& rows) {
  const auto student = std::find_if(report.models.begin(), report.models.end(), [](const ModelScore& m) { return m.role == "student"; });
  if (student == report.models.end()) return {};
  const auto index = static_cast<std::size_t>(student - report.models.begin());
  std::string html;
  int shownRows = 0;
  // What another model gets right comes first: those rows were lost, not merely hard.
  for (const bool lost : {true, false}) {
    for (const auto& row : rows) {
      if (index >= row.right.size() || row.right[index] || shownRows == 50) continue;
      if (lost != (std::find(row.right.begin(), row.right.end(), true) != row.right.end())) continue;
      ++shownRows;
      html += "<tr><td class=\"text\">" + escaped(row.prompt) + "</td><td class=\"text\">" + escaped(shown(row.reference)) + "</td>";
      for (std::size_t i = 0; i < row.answers.size(); ++i) html += "<td class=\"text\">" + std::string(row.right[i] ? "✓ " : "✗ ") + escaped(shown(row.answers[i])) + "</td>";
      html += "</tr>";
    }
  }
  if (html.empty()) return {};
  std::string head = "<h2>Rows the student got wrong</h2><p class=\"muted\">" + std::to_string(shownRows) + " shown; those that another model got right come first.</p><table><thead><tr><th>Prompt</th><th>Reference</th>";
  for (const auto& m : report.models) head += "<th>" + escaped(m.name) + "</th>";
  return head + "</tr></thead><tbody>" + html + "</tbody></table>";
}

std::string classTable(const Report& report) {
  const auto student = std::find_if(report.models.begin(), report.models.end(), [](const ModelScore& m) { return m.role == "student"; });
  if (student == report.models.end() || student->classes.empty()) return {};
  std::string html = "<h2>The student by label</h2><table><thead><tr><th>Label</th><th>Rows</th><th>Said</th><th>Precision</th><th>Recall</th><th>F1</th></tr></thead><tbody>";
  for (const auto& c : student->classes) {
    if (c.support == 0 && c.predicted == 0) continue;
    html += "<tr" + std::string(c.support < 30 ? " class=\"muted\"" : "") + "><th scope=\"row\">" + escaped(c.label) + "</th><td>" + formatCount(c.support) + "</td><td>" + formatCount(c.predicted) + "</td><td>" +
            formatNumber(c.precision, 3) + "</td><td>" + formatNumber(c.recall, 3) + "</td><td>" + formatNumber(c.f1, 3) + "</td></tr>";
  }
  return html + "</tbody></table><p class=\"muted\">Grey: fewer than 30 rows, too few to judge by.</p>";
}

constexpr std::string_view kStyle =
    ":root{color-scheme:light dark;--bg:#F6F5F2;--surface:#fff;--border:#D3CFC7;--text:#1F2328;--muted:#5C6470;--student:#A6461D;--teacher:#1F6FB2;--base:#5C6470;--bad:#B3261E;--other0:#2E8540;--other1:#7A4FA3;--other2:#9A6A00;--other3:#0F7F86;--other4:#B0355E}"
    "@media(prefers-color-scheme:dark){:root{--bg:#17191C;--surface:#1F2226;--border:#3A3F46;--text:#E8E6E1;--muted:#A3ABB5;--student:#E8935F;--teacher:#6FB1EA;--base:#A3ABB5;--bad:#FF8A80;--other0:#6CC58A;--other1:#B99AE0;--other2:#E0B04C;--other3:#5CC4CB;--other4:#F08CAE}}"
    "body{background:var(--bg);color:var(--text);font:15px/1.5 Inter,system-ui,sans-serif;margin:0 auto;max-width:1080px;padding:24px}"
    "h1{font-size:22px;margin:0}h2{font-size:17px;margin:32px 0 8px}.muted{color:var(--muted)}svg .muted{fill:var(--muted)}"
    ".verdict{background:var(--surface);border-left:4px solid var(--student);padding:12px 16px;margin:16px 0;font-size:18px}"
    ".alarm{border-left:4px solid var(--bad);background:var(--surface);padding:8px 16px;margin:8px 0}tr.muted{color:var(--muted)}"
    "svg{background:var(--surface);width:100%;font-size:13px}svg text{fill:var(--text)}.grid{stroke:var(--border)}"
    "table{border-collapse:collapse;width:100%;background:var(--surface);font-variant-numeric:tabular-nums;font-size:13px}"
    "th,td{border-bottom:1px solid var(--border);padding:6px 8px;text-align:right;vertical-align:top}th:first-child,td.text{text-align:left}td.text{white-space:pre-wrap;overflow-wrap:anywhere}thead th{color:var(--muted);font-weight:600}";

}  // namespace

std::string toHtml(const Report& report, const std::vector<RowAnswer>& rows) {
  std::string html = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">"
                     "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>Report " + escaped(report.id) + "</title><style>" + std::string(kStyle) + "</style></head><body>";
  html += "<h1>Report</h1><p class=\"muted\">" + formatCount(report.rows) + " held-out rows (" + escaped(report.part) + "), reference: " + escaped(report.source) + ", made " + escaped(report.created) +
          ". " + (report.unreferenced > 0 ? formatCount(report.unreferenced) + " rows had no reference and were left out. " : "") + "This part of the data has been looked at " +
          (report.opening == 1 ? "once" : formatCount(report.opening) + " times") + ".</p>";
  if (report.verdict) {
    html += "<p class=\"verdict\">" + escaped(report.verdict->sentence) + "</p><p class=\"muted\">";
    if (report.verdict->source != "teacher")
      html += "Rule: the one-sided lower bound of the mean of student − " + formatNumber(1 - report.verdict->margin, 2) + " × teacher must be above 0 at α " + formatNumber(report.verdict->alpha, 2) + "; it is " +
              formatNumber(report.verdict->bound, 4) + " (" + escaped(report.verdict->method) + ").";
    html += "</p>";
  }
  if (report.baseVerdict) html += "<p class=\"verdict\">" + escaped(report.baseVerdict->sentence) + " <span class=\"muted\">Before training it is already as good as the teacher within " + num(report.baseVerdict->margin * 100) + " points.</span></p>";
  for (const auto& alarm : report.alarms) html += "<p class=\"alarm\"><strong>Got worse.</strong> " + escaped(alarm) + "</p>";
  if (report.gapRecovered) html += "<p class=\"muted\">Share of the gap between base model and teacher that the student recovered: " + formatPercent(*report.gapRecovered, 0) + ".</p>";
  html += "<h2>Accuracy</h2>" + intervalPlot(report);
  if (const auto scatter = scatterPlot(report); !scatter.empty()) html += "<h2>Latency against accuracy</h2>" + scatter;
  html += "<h2>All figures</h2>" + scoreTable(report) + differenceTable(report) + classTable(report) + worstRows(report, rows);
  for (const auto& m : report.models)
    if (m.latency) {
      html += "<p class=\"muted\">Latency: " + escaped(m.latency->definition) + "</p>";
      break;
    }
  html += "<p class=\"muted\">Dataset " + escaped(report.dataset) + ", SHA-256 " + escaped(report.datasetSha256) + "; evaluation plan SHA-256 " + escaped(report.planHash) + ".</p></body></html>\n";
  return html;
}

}  // namespace retort::report

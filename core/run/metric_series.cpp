// Metric events into series, CSV and SVG.
#include "run/metric_series.h"

#include <algorithm>
#include <cmath>

#include "base/format.h"

namespace retort::run {
namespace {

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '"' ? "&quot;" : std::string(1, c);
  return out;
}

struct Box {
  double x0, x1, y0, y1;
  [[nodiscard]] double x(double v) const { return 60 + (v - x0) / (x1 > x0 ? x1 - x0 : 1) * 700; }
  [[nodiscard]] double y(double v) const { return 330 - (v - y0) / (y1 > y0 ? y1 - y0 : 1) * 280; }
};

std::string polyline(const std::vector<Point>& points, const Box& box, std::string_view colour, std::string_view dash) {
  std::string path;
  bool pen = false;
  for (const auto& p : points) {
    if (!std::isfinite(p.value)) {
      pen = false;
      continue;
    }
    path += (pen ? " L" : " M") + formatNumber(box.x(p.step), 1) + " " + formatNumber(box.y(p.value), 1);
    pen = true;
  }
  return "<path d=\"" + path + "\" fill=\"none\" stroke=\"" + std::string(colour) + "\" stroke-width=\"1.5\" stroke-dasharray=\"" + std::string(dash) + "\"/>";
}

}  // namespace

bool addEvent(MetricSeries& series, const job::Event& event) {
  if ((event.type != "metric" && event.type != "eval") || !event.body.contains("step")) return false;
  const double step = numberOf(event.body["step"], -1);
  const std::string prefix = event.type == "eval" ? "val." : "";
  bool any = false;
  for (const auto& [key, value] : event.body.items()) {
    if (key == "seq" || key == "attempt" || key == "ts" || key == "t" || key == "type" || key == "step") continue;
    const bool special = value.is_string() && (value == "nan" || value == "inf" || value == "-inf");
    if (!value.is_number() && !special) continue;
    series[prefix + key].push_back({step, event.t, numberOf(value, std::nan(""))});
    any = true;
  }
  return any;
}

Result<MetricSeries> readMetrics(const std::filesystem::path& folder) {
  RETORT_TRY(const auto events, job::readEvents(folder));
  MetricSeries series;
  for (const auto& e : events) addEvent(series, e);
  return series;
}

std::string metricsToCsv(const MetricSeries& series) {
  std::string out = "series,step,seconds,value\n";
  for (const auto& [name, points] : series)
    for (const auto& p : points) {
      const Json value = jsonNumber(p.value);
      out += name + "," + Json(p.step).dump() + "," + formatNumber(p.seconds, 3) + "," + (value.is_string() ? value.get<std::string>() : value.dump()) + "\n";
    }
  return out;
}

std::string metricsToSvg(const MetricSeries& series, std::string_view title) {
  const auto find = [&](const char* name) { const auto it = series.find(name); return it == series.end() ? std::vector<Point>{} : it->second; };
  const auto loss = find("loss"), nll = find("val.nll");
  Box box{0, 1, 0, 1};
  double top = 0;
  for (const auto* points : {&loss, &nll})
    for (const auto& p : *points) {
      box.x1 = std::max(box.x1, p.step);
      if (std::isfinite(p.value)) top = std::max(top, p.value);
    }
  box.y1 = top > 0 ? top * 1.05 : 1;
  std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 800 380\" font-family=\"sans-serif\" font-size=\"12\">"
                    "<rect width=\"800\" height=\"380\" fill=\"#fff\"/><text x=\"60\" y=\"28\" font-size=\"15\" font-weight=\"600\" fill=\"#1F2328\">" + escaped(title) + "</text>";
  for (int i = 0; i <= 4; ++i) {
    const double v = box.y1 * i / 4;
    svg += "<path d=\"M60 " + formatNumber(box.y(v), 1) + " H760\" stroke=\"#D3CFC7\"/><text x=\"52\" y=\"" + formatNumber(box.y(v) + 4, 1) +
           "\" text-anchor=\"end\" fill=\"#5C6470\">" + formatNumber(v, 2) + "</text>";
    const double s = box.x1 * i / 4;
    svg += "<text x=\"" + formatNumber(box.x(s), 1) + "\" y=\"350\" text-anchor=\"middle\" fill=\"#5C6470\">" + formatNumber(s, 0) + "</text>";
  }
  svg += polyline(loss, box, "#A6461D", "") + polyline(nll, box, "#1F6FB2", "6 3");
  svg += "<text x=\"410\" y=\"370\" text-anchor=\"middle\" fill=\"#5C6470\">step</text>"
         "<text x=\"600\" y=\"28\" fill=\"#A6461D\">training loss</text><text x=\"690\" y=\"28\" fill=\"#1F6FB2\">validation NLL</text></svg>\n";
  return svg;
}

}  // namespace retort::run

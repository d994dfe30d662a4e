// A growing data series with a min-max pyramid: see series.h.
#include "ui/charts/series.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace retort::ui {

void Series::addPoint(Node& node, std::size_t i) const {
  const double y = m_y[i];
  if (!std::isfinite(y)) return;
  const auto at = static_cast<std::uint32_t>(i);
  if (node.count == 0 || y < m_y[node.minAt]) node.minAt = at;
  if (node.count == 0 || y > m_y[node.maxAt]) node.maxAt = at;
  ++node.count;
  node.sum += y;
}

void Series::addNode(Node& node, const Node& other) const {
  if (other.count == 0) return;
  if (node.count == 0 || m_y[other.minAt] < m_y[node.minAt]) node.minAt = other.minAt;
  if (node.count == 0 || m_y[other.maxAt] > m_y[node.maxAt]) node.maxAt = other.maxAt;
  node.count += other.count;
  node.sum += other.sum;
}

// Adds point i to its node on every level; a level that outgrows one node gets a parent built from its nodes.
void Series::grow(std::size_t i) {
  std::size_t span = kFan;
  for (std::size_t level = 0;; ++level, span *= kFan) {
    if (level == m_levels.size()) {
      m_levels.emplace_back(1);
      if (level > 0)
        for (const Node& child : m_levels[level - 1]) addNode(m_levels[level][0], child);
      else
        addPoint(m_levels[0][0], i);
      return;
    }
    std::vector<Node>& nodes = m_levels[level];
    const std::size_t at = i / span;
    if (at == nodes.size()) nodes.emplace_back();
    addPoint(nodes[at], i);
    if (nodes.size() == 1) return;
  }
}

void Series::append(double x, double y) {
  if (!m_x.empty() && x < m_x.back()) x = m_x.back();
  const std::size_t i = m_x.size();
  m_x.push_back(x);
  m_y.push_back(y);
  if (!std::isfinite(y)) m_nonFinite.push_back(i);
  grow(i);
}

void Series::truncateAfter(double x) {
  const auto keep = static_cast<std::size_t>(std::upper_bound(m_x.begin(), m_x.end(), x) - m_x.begin());
  if (keep == m_x.size()) return;
  std::vector<double> ys = std::move(m_y), xs = std::move(m_x);
  clear();
  for (std::size_t i = 0; i < keep; ++i) append(xs[i], ys[i]);
}

void Series::clear() {
  m_x.clear();
  m_y.clear();
  m_levels.clear();
  m_nonFinite.clear();
}

// Walks up while the range is wide: single points at both ends, then nodes of the widest level that fits.
Series::Node Series::collect(std::size_t first, std::size_t last) const {
  Node out;
  std::size_t i = first;
  while (i < last) {
    std::size_t span = kFan, level = 0;
    if (i % kFan != 0 || i + kFan > last) {
      addPoint(out, i++);
      continue;
    }
    while (level + 1 < m_levels.size() && i % (span * kFan) == 0 && i + span * kFan <= last) span *= kFan, ++level;
    addNode(out, m_levels[level][i / span]);
    i += span;
  }
  return out;
}

bool Series::range(std::size_t first, std::size_t last, double& low, double& high) const {
  const Node node = collect(first, std::min(last, size()));
  if (node.count == 0) return false;
  low = m_y[node.minAt];
  high = m_y[node.maxAt];
  return true;
}

double Series::mean(std::size_t first, std::size_t last) const {
  const Node node = collect(first, std::min(last, size()));
  return node.count ? node.sum / node.count : std::numeric_limits<double>::quiet_NaN();
}

std::size_t Series::lowerBound(double x) const {
  return static_cast<std::size_t>(std::lower_bound(m_x.begin(), m_x.end(), x) - m_x.begin());
}

std::size_t Series::nearest(double x) const {
  if (m_x.empty()) return 0;
  const std::size_t i = lowerBound(x);
  if (i == m_x.size()) return i - 1;
  if (i > 0 && x - m_x[i - 1] <= m_x[i] - x) return i - 1;
  return i;
}

std::vector<Point> Series::query(double x0, double x1, int pixels) const {
  std::vector<Point> out;
  if (m_x.empty() || pixels <= 0 || !(x1 > x0)) return out;
  const std::size_t first = lowerBound(x0);
  const auto last = static_cast<std::size_t>(std::upper_bound(m_x.begin(), m_x.end(), x1) - m_x.begin());
  auto push = [&](std::size_t i) {
    if (std::isfinite(m_y[i])) out.push_back({m_x[i], m_y[i]});
  };
  if (first > 0) push(first - 1);
  const auto columns = static_cast<std::size_t>(pixels);
  if (last - first <= 2 * columns) {
    for (std::size_t i = first; i < last; ++i) push(i);
  } else {
    std::size_t i = first;
    for (std::size_t column = 0; column < columns && i < last; ++column) {
      const double edge = x0 + (x1 - x0) * static_cast<double>(column + 1) / static_cast<double>(columns);
      std::size_t end = last;
      if (column + 1 < columns)
        end = static_cast<std::size_t>(std::lower_bound(m_x.begin() + static_cast<std::ptrdiff_t>(i),
                                                        m_x.begin() + static_cast<std::ptrdiff_t>(last), edge) - m_x.begin());
      if (end == i) continue;
      const Node node = collect(i, end);
      if (node.count > 0) {
        push(std::min(node.minAt, node.maxAt));
        if (node.minAt != node.maxAt) push(std::max(node.minAt, node.maxAt));
      }
      i = end;
    }
  }
  if (last < size()) push(last);
  return out;
}

double Smoother::add(double y) {
  if (!std::isfinite(y)) return std::numeric_limits<double>::quiet_NaN();
  m_sum = m_weight * m_sum + (1 - m_weight) * y;
  m_bias *= m_weight;
  return m_sum / (1 - m_bias);
}

std::vector<double> niceTicks(double low, double high, int wanted) {
  std::vector<double> out;
  if (!(high > low) || wanted < 1 || !std::isfinite(low) || !std::isfinite(high)) return out;
  const double rough = (high - low) / wanted, power = std::pow(10, std::floor(std::log10(rough)));
  double step = power;
  for (double factor : {1.0, 2.0, 2.5, 5.0, 10.0})
    if (factor * power >= rough * 0.999) {
      step = factor * power;
      break;
    }
  for (double i = std::ceil(low / step - 1e-9); i * step <= high + step * 1e-9; ++i) out.push_back(i == 0 ? 0 : i * step);
  return out;
}

}  // namespace retort::ui

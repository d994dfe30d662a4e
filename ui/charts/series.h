// A growing data series with a min-max pyramid: any zoom is drawn from at most two points a pixel, exactly.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace retort::ui {

struct Point {
  double x, y;
};

/// x must not decrease (a smaller x is moved up to the last one). y may be nan or infinite: such points are kept, reported by
/// nonFinite(), and left out of every minimum, maximum and line.
class Series {
 public:
  void append(double x, double y);
  /// Drops the points with x greater than `x`: a restarted run repeats them.
  void truncateAfter(double x);
  void clear();

  [[nodiscard]] std::size_t size() const { return m_x.size(); }
  [[nodiscard]] bool empty() const { return m_x.empty(); }
  [[nodiscard]] double x(std::size_t i) const { return m_x[i]; }
  [[nodiscard]] double y(std::size_t i) const { return m_y[i]; }
  [[nodiscard]] bool hasFinite() const { return !m_levels.empty() && m_levels.back().front().count > 0; }
  [[nodiscard]] double minY() const { return m_y[m_levels.back().front().minAt]; }    ///< only when hasFinite()
  [[nodiscard]] double maxY() const { return m_y[m_levels.back().front().maxAt]; }
  [[nodiscard]] const std::vector<std::size_t>& nonFinite() const { return m_nonFinite; }   ///< indices, rising
  /// Smallest and largest finite y of the points with index in [first, last); false when there is none.
  bool range(std::size_t first, std::size_t last, double& low, double& high) const;
  /// Mean of the finite y of [first, last); nan when there is none.
  [[nodiscard]] double mean(std::size_t first, std::size_t last) const;
  /// Index of the point nearest to `x`; size() when empty.
  [[nodiscard]] std::size_t nearest(double x) const;
  [[nodiscard]] std::size_t lowerBound(double x) const;      ///< first index with x(i) >= x

  /// The points to draw between x0 and x1 on `pixels` columns, with one neighbour on each side so that lines run off the
  /// edge. Never more than 2 * pixels + 2 points; every column keeps its smallest and largest value, in their order.
  [[nodiscard]] std::vector<Point> query(double x0, double x1, int pixels) const;

 private:
  static constexpr std::size_t kFan = 16;
  struct Node {
    std::uint32_t minAt = 0, maxAt = 0, count = 0;   ///< indices of the extremes; number of finite points below
    double sum = 0;
  };
  void addPoint(Node& node, std::size_t i) const;
  void addNode(Node& node, const Node& other) const;
  void grow(std::size_t i);
  [[nodiscard]] Node collect(std::size_t first, std::size_t last) const;

  std::vector<double> m_x, m_y;
  std::vector<std::vector<Node>> m_levels;   ///< level k: one node for kFan^(k+1) points; the last level has one node
  std::vector<std::size_t> m_nonFinite;
};

/// Exponential moving average s = w s + (1 - w) y, shown as s / (1 - w^n) with n the number of finite points, so that a constant
/// stays flat from its first point. Not-finite points pass by.
class Smoother {
 public:
  explicit Smoother(double weight = 0.9) : m_weight(weight) {}
  void setWeight(double weight) { m_weight = weight, reset(); }
  [[nodiscard]] double weight() const { return m_weight; }
  void reset() { m_sum = 0, m_bias = 1; }
  /// The smoothed value after `y`; nan for a point that is not finite.
  double add(double y);

 private:
  double m_weight, m_sum = 0, m_bias = 1;   ///< m_bias = w^n
};

/// A round axis step and its ticks inside [low, high]; about `wanted` of them.
[[nodiscard]] std::vector<double> niceTicks(double low, double high, int wanted);

}  // namespace retort::ui

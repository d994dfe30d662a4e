// Bradley-Terry: s_i <- W_i / sum_j n_ij / (s_i + s_j), rescaled to geometric mean 1 (reference evaluation section 4).
#include "metrics/bradley_terry.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/random.h"

namespace retort::metrics {
namespace {

std::vector<double> solve(std::size_t players, const std::vector<Games>& games) {
  std::vector<double> s(players, 1.0), wins(players, 0.0);
  for (const auto& g : games) wins[g.first] += g.firstWins + g.ties / 2, wins[g.second] += g.secondWins + g.ties / 2;
  for (int round = 0; round < 10'000; ++round) {
    std::vector<double> load(players, 0.0);
    for (const auto& g : games) {
      const double each = (g.firstWins + g.secondWins + g.ties) / (s[g.first] + s[g.second]);
      load[g.first] += each, load[g.second] += each;
    }
    double logs = 0, moved = 0;
    std::vector<double> next(players, 1.0);
    for (std::size_t i = 0; i < players; ++i) next[i] = load[i] > 0 && wins[i] > 0 ? wins[i] / load[i] : s[i], logs += std::log(next[i]);
    const double scale = std::exp(-logs / static_cast<double>(players));
    for (std::size_t i = 0; i < players; ++i) next[i] *= scale, moved = std::max(moved, std::fabs(std::log(next[i] / s[i])));
    s = std::move(next);
    if (moved < 1e-12) break;
  }
  return s;
}

/// A player that the others cannot be reached from, or -1.
std::ptrdiff_t apart(std::size_t players, const std::vector<Games>& games) {
  std::vector<std::size_t> root(players);
  std::iota(root.begin(), root.end(), std::size_t{0});
  const auto find = [&](std::size_t i) {
    while (root[i] != i) i = root[i] = root[root[i]];
    return i;
  };
  for (const auto& g : games)
    if (g.firstWins + g.secondWins + g.ties > 0) root[find(g.first)] = find(g.second);
  for (std::size_t i = 1; i < players; ++i)
    if (find(i) != find(0)) return static_cast<std::ptrdiff_t>(i);
  return -1;
}

/// Half a game more for either side of each pair that met, when somebody won or lost everything (the strength would be endless).
bool pad(std::size_t players, std::vector<Games>& games) {
  std::vector<double> wins(players, 0.0), played(players, 0.0);
  for (const auto& g : games) {
    const double n = g.firstWins + g.secondWins + g.ties;
    wins[g.first] += g.firstWins + g.ties / 2, wins[g.second] += g.secondWins + g.ties / 2;
    played[g.first] += n, played[g.second] += n;
  }
  bool needed = false;
  for (std::size_t i = 0; i < players; ++i) needed = needed || wins[i] == 0 || wins[i] == played[i];
  if (needed)
    for (auto& g : games) g.firstWins += 0.5, g.secondWins += 0.5;
  return needed;
}

std::vector<Games> resampled(const std::vector<Games>& games, Random& random) {
  std::vector<Games> out = games;
  double total = 0;
  for (auto& g : out) total += g.firstWins + g.secondWins + g.ties, g.firstWins = g.secondWins = g.ties = 0;
  for (double i = 0; i < total; i += 1) {
    double at = random.uniform() * total;
    for (std::size_t k = 0; k < games.size(); ++k) {
      double* const bins[] = {&out[k].firstWins, &out[k].secondWins, &out[k].ties};
      const double counts[] = {games[k].firstWins, games[k].secondWins, games[k].ties};
      std::size_t bin = 0;
      while (bin < 3 && at >= counts[bin]) at -= counts[bin++];
      if (bin == 3) continue;
      *bins[bin] += 1;
      break;
    }
  }
  return out;
}

}  // namespace

Result<BradleyTerry> bradleyTerry(std::size_t players, const std::vector<Games>& games, int resamples, std::uint64_t seed) {
  BradleyTerry out;
  for (const auto& g : games)
    if (g.first >= players || g.second >= players || g.first == g.second) return Error{"metrics.bradley-terry.player", "The games cannot be scored", {}, "one names a player that does not exist, or the same player twice", "Check the votes.", {}, {}};
  if (players == 0) return out;
  if (const auto lonely = apart(players, games); lonely >= 0)
    return Error{"metrics.bradley-terry.apart", "Player " + std::to_string(lonely + 1) + " cannot be compared with player 1", {}, "no chain of games joins them", "Compare them directly, or with a third that both have met.", {}, {}};
  std::vector<Games> used = games;
  out.padded = pad(players, used);
  const auto strengths = solve(players, used);
  out.players.resize(players);
  for (std::size_t i = 0; i < players; ++i) {
    out.players[i].strength = strengths[i];
    out.players[i].elo = 400 * std::log10(strengths[i]);
    out.players[i].interval = {out.players[i].elo, out.players[i].elo};
  }
  Random random(seed, "bradley-terry");
  std::vector<std::vector<double>> elos(players);
  for (int r = 0; r < resamples; ++r) {
    auto sample = resampled(games, random);
    if (apart(players, sample) >= 0) continue;
    pad(players, sample);
    const auto s = solve(players, sample);
    for (std::size_t i = 0; i < players; ++i) elos[i].push_back(400 * std::log10(s[i]));
  }
  for (std::size_t i = 0; i < players; ++i)
    if (!elos[i].empty()) out.players[i].interval = {percentile(elos[i], 0.025), percentile(elos[i], 0.975)};
  return out;
}

}  // namespace retort::metrics

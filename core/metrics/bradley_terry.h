// Strengths of several players from pairwise games: Bradley-Terry by minorise-maximise.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "metrics/statistics.h"

namespace retort::metrics {

/// Games between players i and j: wins of i, wins of j, ties (half a win each).
struct Games {
  std::size_t first = 0, second = 0;
  double firstWins = 0, secondWins = 0, ties = 0;
};

struct Strength {
  double strength = 1;                      ///< geometric mean of all 1
  double elo = 0;                           ///< 400 log10 of it
  Interval interval;                        ///< of elo, by bootstrapping games; equal ends when not asked for
};

struct BradleyTerry {
  std::vector<Strength> players;
  bool padded = false;                      ///< a player won or lost all: half a pseudo-game on each side was added everywhere
};

/// Error "metrics.bradley-terry.apart" names two players that no chain of games joins. `resamples` = 0: no intervals.
Result<BradleyTerry> bradleyTerry(std::size_t players, const std::vector<Games>& games, int resamples = 0, std::uint64_t seed = 12'345);

}  // namespace retort::metrics

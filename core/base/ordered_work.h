// Work on many threads, results in order: one thread at a time fetches the next task, all work, the caller's thread takes results as they are due.
#pragma once
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "base/result.h"

namespace retort {

/// Runs `next` until it gives nothing, `work` on every task (with the number of its thread, for what a thread keeps), and `take` on the
/// results, on the calling thread and in the order of the tasks; false of `take` ends it all. `idle` is called about every 50 ms between
/// results. The first error ends it too; a stop is noticed within one task. At most 8 results a thread wait to be taken.
template <typename Task, typename Out>
Status orderedWork(std::size_t threads, std::stop_token stop, const std::function<Result<std::optional<Task>>()>& next,
                   const std::function<Result<Out>(std::size_t thread, Task&& task)>& work, const std::function<Result<bool>(Out&& out)>& take,
                   const std::function<void()>& idle = {}) {
  threads = std::max<std::size_t>(1, threads);
  std::mutex sourceMutex, mutex;
  std::condition_variable isDue, hasRoom;
  std::map<std::uint64_t, Out> finished;
  std::uint64_t fetched = 0, taken = 0;
  std::size_t running = threads;
  bool isOver = false;
  std::optional<Error> failure;
  const auto fail = [&](Error&& error) {
    std::lock_guard lock(mutex);
    if (!failure) failure = std::move(error);
    isOver = true;
  };
  const auto run = [&](std::size_t thread) {
    while (true) {
      std::optional<Task> task;
      std::uint64_t number = 0;
      {
        std::lock_guard source(sourceMutex);
        {
          std::unique_lock lock(mutex);
          hasRoom.wait(lock, [&] { return isOver || fetched < taken + 8 * threads; });
          if (isOver) break;
        }
        auto fetchedTask = next();
        if (!fetchedTask.ok()) {
          fail(std::move(fetchedTask).error());
          break;
        }
        if (!*fetchedTask) break;
        task = std::move(**fetchedTask);
        std::lock_guard lock(mutex);
        number = fetched++;
      }
      auto out = work(thread, std::move(*task));
      if (!out.ok()) {
        fail(std::move(out).error());
        break;
      }
      std::lock_guard lock(mutex);
      finished.emplace(number, std::move(*out));
      if (number == taken) isDue.notify_one();
    }
    std::lock_guard lock(mutex);
    --running;
    hasRoom.notify_all();
    isDue.notify_one();
  };
  std::vector<std::jthread> pool;
  for (std::size_t i = 0; i < threads; ++i) pool.emplace_back(run, i);
  std::unique_lock lock(mutex);
  while (true) {
    isDue.wait_for(lock, std::chrono::milliseconds(50), [&] { return isOver || finished.contains(taken) || running == 0; });
    if (stop.stop_requested() || isOver) break;
    const auto due = finished.find(taken);
    if (due == finished.end()) {
      if (running == 0) break;
      if (idle) {
        lock.unlock();
        idle();
        lock.lock();
      }
      continue;
    }
    Out out = std::move(due->second);
    finished.erase(due);
    ++taken;
    hasRoom.notify_all();
    lock.unlock();
    auto goesOn = take(std::move(out));
    lock.lock();
    if (!goesOn.ok()) failure = std::move(goesOn).error();
    if (!goesOn.ok() || !*goesOn) break;
  }
  isOver = true;
  hasRoom.notify_all();
  lock.unlock();
  pool.clear();   // joins
  if (failure) return std::move(*failure);
  return {};
}

}  // namespace retort

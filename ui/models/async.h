// Core calls on worker threads, results back on the GUI thread; a newer question silences an older answer.
#pragma once
#include <QCoreApplication>
#include <QMetaObject>
#include <QObject>
#include <QPointer>
#include <QThreadPool>
#include <memory>
#include <stop_token>
#include <type_traits>
#include <utility>

#include "base/progress.h"

namespace retort::ui {

/// Threads for questions that end soon (queries, readings) and for work that takes minutes (imports), apart, so that the second
/// never keeps the first waiting.
[[nodiscard]] QThreadPool& queryPool();
[[nodiscard]] QThreadPool& taskPool();
/// Lets both pools end; call before QApplication goes.
void finishPools();

/// Runs `work` on a thread of `pool`; then `then(result)` on the GUI thread, unless `context` has gone by then.
template <typename Work, typename Then>
void runAsync(QThreadPool& pool, QObject* context, Work work, Then then) {
  pool.start([work = std::move(work), then = std::move(then), guard = QPointer<QObject>(context)]() mutable {
    using Value = std::invoke_result_t<Work&>;
    auto value = std::make_shared<Value>(work());
    // Posted to the application, which outlives the pools; only the GUI thread may ask the guard.
    QMetaObject::invokeMethod(qApp, [value, then = std::move(then), guard]() mutable {
      if (guard) then(std::move(*value));
    }, Qt::QueuedConnection);
  });
}

/// One question at a time of one kind: asking again stops the work in progress and drops its answer.
class Latest {
 public:
  ~Latest() { cancel(); }
  void cancel() {
    m_stop.request_stop();
    ++*m_generation;
  }
  [[nodiscard]] bool isBusy() const { return *m_busy == *m_generation && *m_generation > 0; }

  /// work(std::stop_token) on a thread, then(result) on the GUI thread.
  template <typename Work, typename Then>
  void ask(QObject* context, Work work, Then then, QThreadPool& pool = queryPool()) {
    m_stop.request_stop();
    m_stop = std::stop_source();
    const quint64 mine = ++*m_generation;
    *m_busy = mine;
    runAsync(pool, context, [work = std::move(work), token = m_stop.get_token()]() mutable { return work(token); },
             [then = std::move(then), mine, generation = m_generation, busy = m_busy](auto value) mutable {
               if (*generation != mine) return;
               *busy = 0;
               then(std::move(value));
             });
  }

 private:
  std::stop_source m_stop;
  std::shared_ptr<quint64> m_generation = std::make_shared<quint64>(0), m_busy = std::make_shared<quint64>(0);
};

/// A core progress callback that hands each report to `then` on the GUI thread.
template <typename Then>
[[nodiscard]] ProgressFn progressTo(QObject* context, Then then) {
  return [guard = QPointer<QObject>(context), then](const Progress& progress) {
    QMetaObject::invokeMethod(qApp, [guard, then, progress] {
      if (guard) then(progress);
    }, Qt::QueuedConnection);
  };
}

}  // namespace retort::ui

// The pools behind async.h.
#include "ui/models/async.h"

namespace retort::ui {

QThreadPool& queryPool() {
  static QThreadPool* pool = [] {
    auto* made = new QThreadPool;   // leaked: threads must not be joined in a static destructor
    made->setMaxThreadCount(4);
    return made;
  }();
  return *pool;
}

QThreadPool& taskPool() {
  static QThreadPool* pool = [] {
    auto* made = new QThreadPool;
    made->setMaxThreadCount(8);
    return made;
  }();
  return *pool;
}

void finishPools() {
  queryPool().waitForDone();
  taskPool().waitForDone();
}

}  // namespace retort::ui

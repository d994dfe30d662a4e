// Limits in simulated time: the concurrency finds what a server bears, buckets keep their rates, waits stay in their bounds.
#include <QTest>

#include <queue>

#include "providers/limits.h"

using namespace retort;
using namespace retort::providers;

class TestLimits : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  /// A server that throttles above eight at once, answers in a second; sixty simulated seconds.
  void findsWhatAServerBears() {
    AimdLimit limit(64);
    struct Flight {
      double end, sent;
      bool isThrottled;
      bool operator>(const Flight& o) const { return end > o.end; }
    };
    std::priority_queue<Flight, std::vector<Flight>, std::greater<>> flying;
    int inServer = 0, ok = 0, refused = 0;
    double now = 0;
    Random random(7);
    std::vector<int> late;
    while (now < 60) {
      while (static_cast<int>(flying.size()) < limit.limit()) {
        const bool isThrottled = inServer >= 8;
        if (!isThrottled) ++inServer;
        flying.push({now + (isThrottled ? 0.05 : 0.9 + 0.2 * random.uniform()), now, isThrottled});
      }
      const Flight f = flying.top();
      flying.pop();
      now = f.end;
      if (f.isThrottled) ++refused, limit.throttled(now, f.sent);
      else --inServer, ++ok, limit.success(f.end - f.sent);
      if (now > 20) late.push_back(limit.limit());
    }
    std::sort(late.begin(), late.end());
    const int middle = late[late.size() / 2];
    QVERIFY2(middle >= 4 && middle <= 10, std::to_string(middle).c_str());
    QVERIFY2(ok >= 0.95 * (ok + refused), (std::to_string(ok) + " of " + std::to_string(ok + refused)).c_str());
  }

  void oneCutARoundTrip() {
    AimdLimit limit(64, 32);
    for (int i = 0; i < 10; ++i) limit.throttled(10 + 0.01 * i, 9);
    QCOMPARE(limit.limit(), 16);
    limit.throttled(11, 10.5);
    QCOMPARE(limit.limit(), 8);
    for (int i = 0; i < 40; ++i) limit.throttled(20 + i, 19.9 + i);
    QCOMPARE(limit.limit(), 1);
  }

  void growsByOneAndStopsWhenItGetsSlow() {
    AimdLimit limit(6);
    for (int i = 0; i < 4; ++i) limit.success(1);
    QCOMPARE(limit.limit(), 5);
    for (int i = 0; i < 20; ++i) limit.success(1);
    QCOMPARE(limit.limit(), 6);
    AimdLimit slow(64);
    for (int i = 0; i < 8; ++i) slow.success(1);
    const int before = slow.limit();
    for (int i = 0; i < 200; ++i) slow.success(3);
    QVERIFY(slow.limit() <= before + 3);   // only until the median has turned
  }

  void bucketsKeepTheirRate() {
    RateBucket bucket(60);
    double now = 100;
    int went = 0;
    for (; now < 160;) {
      const double wait = bucket.waitFor(1, now);
      if (wait > 0) now += wait;
      else bucket.take(1, now), ++went;
    }
    QVERIFY2(went >= 68 && went <= 71, std::to_string(went).c_str());   // 60 and ten seconds' worth at once
    bucket.blockUntil(now + 30);
    QVERIFY(bucket.waitFor(1, now) > 29.9);
    RateBucket small(6);
    QCOMPARE(small.waitFor(50, 1), 0.0);     // larger than the bucket: goes when it is full
    small.take(50, 1);
    QVERIFY(small.waitFor(1, 1) > 100);
    small.giveBack(49);
    QVERIFY(small.waitFor(1, 1) <= 10.0 + 1e-9);
    RateBucket none(0);
    QCOMPARE(none.waitFor(1e9, 0), 0.0);
  }

  void waitsAreSeeded() {
    Random a(1), b(1);
    double longest = 0;
    for (int i = 0; i < 100; ++i) {
      const double w = retryDelay(i % 8, -1, a);
      QCOMPARE(w, retryDelay(i % 8, -1, b));
      QVERIFY(w >= 0 && w <= 30);
      longest = std::max(longest, w);
    }
    QVERIFY(longest > 15);
    QVERIFY(retryDelay(0, 3, a) >= 3 && retryDelay(0, 3, a) < 3.3);
  }
};

QTEST_APPLESS_MAIN(TestLimits)
#include "tst_limits.moc"

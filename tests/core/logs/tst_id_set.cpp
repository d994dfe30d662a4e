// Sets of ids that share segments, their form in a mapped file, and expressions over them block by block: all against plain lists of bools.
#include <QTest>

#include "base/random.h"
#include "logs/set_expression.h"

using namespace retort;
using namespace retort::logs;

namespace {

constexpr std::uint32_t kEnd = (1u << 20) + 70'000;    // two segments, the last block not full

using Plain = std::vector<bool>;

/// A set of one of the kinds of containers everywhere: bitmaps, thin bitmaps, lists, runs, blocks that are full or empty.
Plain randomPlain(Random& random) {
  Plain ids(kEnd, false);
  const double densities[] = {0.7, 0.05, 0.03, 0.002, 0};
  const double density = densities[random.below(5)];
  for (std::uint32_t block = 0; block < kEnd; block += 65'536) {
    const std::uint32_t end = std::min(kEnd, block + 65'536);
    if (random.chance(0.1)) continue;
    if (random.chance(0.2)) {
      std::fill(ids.begin() + block, ids.begin() + end, true);
      continue;
    }
    if (random.chance(0.2)) {
      std::fill(ids.begin() + block + 100, ids.begin() + block + 100 + static_cast<int>(random.below(end - block - 100)), true);
      continue;
    }
    for (std::uint32_t i = block; density > 0 && i < end; ++i) ids[i] = random.chance(density);
  }
  return ids;
}

std::vector<std::uint32_t> listed(const Plain& ids) {
  std::vector<std::uint32_t> list;
  for (std::uint32_t i = 0; i < ids.size(); ++i)
    if (ids[i]) list.push_back(i);
  return list;
}

IdSet setOf(const Plain& ids) {
  IdSet set = IdSet::of(listed(ids));
  set.optimise();
  return set;
}

/// The set in the form of a file, in memory of its own.
std::optional<IdSet> mappedCopy(const IdSet& set, const std::function<void(std::string&)>& damage = {}) {
  struct Kept {
    std::vector<std::unique_ptr<std::byte, decltype(&std::free)>> pieces;
  };
  auto kept = std::make_shared<Kept>();
  std::vector<MappedPart> parts;
  set.toMapped([&](const MappedPart& part) {
    std::string bytes(part.bytes);
    if (damage) damage(bytes);
    auto* memory = static_cast<std::byte*>(std::aligned_alloc(kMappedAlignment, (bytes.size() / kMappedAlignment + 1) * kMappedAlignment));
    std::memcpy(memory, bytes.data(), bytes.size());
    kept->pieces.emplace_back(memory, &std::free);
    parts.push_back({part.segment, {reinterpret_cast<const char*>(memory), bytes.size()}});
  });
  return IdSet::mapped(parts, kept);
}

struct World {
  std::vector<Plain> plains;
  std::vector<IdSet> sets;
  std::vector<std::int64_t> numbers;
  std::shared_ptr<PackedColumn> column = std::make_shared<PackedColumn>();

  explicit World(Random& random) {
    for (int i = 0; i < 10; ++i) {
      plains.push_back(randomPlain(random));
      sets.push_back(i % 2 ? setOf(plains.back()) : *mappedCopy(setOf(plains.back())));
    }
    for (std::uint32_t i = 0; i < kEnd; ++i) numbers.push_back(random.chance(0.1) ? kNoValue : static_cast<std::int64_t>(random.below(i < 200'000 ? 200 : 60'000)));
    column->append(numbers);
  }

  SetExpression expression(Random& random, int depth, Plain& want) const {
    SetExpression e;
    const auto kind = depth == 0 ? random.below(2) : random.below(6);
    if (kind == 0 || kind == 2) {
      const auto i = random.below(sets.size());
      e = SetExpression::of(std::shared_ptr<const IdSet>(std::shared_ptr<void>(), &sets[i]));
      want = plains[i];
    } else if (kind == 1) {
      const auto low = static_cast<std::int64_t>(random.below(300)), high = low + static_cast<std::int64_t>(random.below(30'000));
      e = {SetExpression::Kind::ranges, false, {}, column, {{low, high}, {50'000, 50'100}}, {}};
      want.assign(kEnd, false);
      for (std::uint32_t i = 0; i < kEnd; ++i) want[i] = (numbers[i] >= low && numbers[i] <= high) || (numbers[i] >= 50'000 && numbers[i] <= 50'100);
    } else {
      const bool isAnd = random.chance(0.5);
      e.kind = isAnd ? SetExpression::Kind::all : SetExpression::Kind::any;
      want.assign(kEnd, isAnd);
      const auto n = 1 + random.below(5);
      for (std::uint64_t c = 0; c < n; ++c) {
        Plain child;
        e.children.push_back(expression(random, depth - 1, child));
        for (std::uint32_t i = 0; i < kEnd; ++i) want[i] = isAnd ? want[i] && child[i] : want[i] || child[i];
      }
    }
    if (random.chance(0.4)) {
      e.isNot = true;
      want.flip();
    }
    return e;
  }
};

}  // namespace

class TstIdSet : public QObject {
  Q_OBJECT

 private slots:
  void expressionsEqualPlainLists() {
    Random random(5);
    const World world(random);
    for (int round = 0; round < 60; ++round) {
      Plain want;
      auto e = world.expression(random, static_cast<int>(random.below(4)), want);
      if (random.chance(0.5)) arrange(e, kEnd);
      const bool hasLive = random.chance(0.3);
      const IdSet& live = world.sets[3];
      if (hasLive)
        for (std::uint32_t i = 0; i < kEnd; ++i) want[i] = want[i] && world.plains[3][i];
      const auto list = listed(want);
      QCOMPARE(countOf(e, kEnd, hasLive ? &live : nullptr), std::uint64_t(list.size()));
      QVERIFY(listOf(e, kEnd, hasLive ? &live : nullptr) == list);
      QVERIFY(idsOf(e, kEnd, hasLive ? &live : nullptr) == IdSet::of(list));
    }
  }

  void mappedSetsAreSetsLikeOthers() {
    Random random(11);
    for (int round = 0; round < 12; ++round) {
      const Plain a = randomPlain(random), b = randomPlain(random);
      const IdSet sa = setOf(a), sb = setOf(b);
      const auto ma = *mappedCopy(sa), mb = *mappedCopy(sb);
      QVERIFY(ma == sa && ma.toVector() == listed(a));
      QVERIFY(*IdSet::fromBytes(ma.toBytes()) == sa);          // thin bitmaps are lists again
      QCOMPARE(ma.size(), sa.size());
      QVERIFY((ma & mb) == (sa & sb) && (ma | mb) == (sa | sb) && (ma - mb) == (sa - sb));
      QVERIFY(*IdSet::fromBytes((ma | mb).toBytes()) == (sa | sb));
      QVERIFY(*IdSet::fromBytes((ma - mb).toBytes()) == (sa - sb));
      QCOMPARE(IdSet::commonSize(ma, sb), (sa & sb).size());
      const IdSet* const both[] = {&ma, &mb};
      QVERIFY(IdSet::unionOf(both) == (sa | sb));
      if (!sa.isEmpty()) QVERIFY(ma.select(sa.size() / 2) == sa.select(sa.size() / 2));
      std::vector<std::uint64_t> counts(2, 0);
      countCommon(both, sa, counts);
      QVERIFY(counts[0] == sa.size() && counts[1] == (sa & sb).size());
      QVERIFY(ma.between(70'000, (1u << 20) + 5) == sa.between(70'000, (1u << 20) + 5));
    }
  }

  void copiesAreIndependent() {
    Random random(3);
    const Plain plain = randomPlain(random);
    const IdSet first = *mappedCopy(setOf(plain));
    IdSet second = first, third = first;
    second.add(kEnd + 5);
    second.addRange(10, 30);
    third -= IdSet::range(0, 1u << 20);
    QVERIFY(first.toVector() == listed(plain));
    QVERIFY(second.contains(kEnd + 5) && second.contains(29) && !first.contains(kEnd + 5));
    IdSet fourth = second;
    fourth &= second;
    fourth |= fourth;
    QVERIFY(fourth == second);
    fourth -= second;
    QVERIFY(fourth.isEmpty() && second.contains(10));
    QVERIFY(third == first.between(1u << 20, UINT32_MAX));
  }

  void idsInAnyOrderAndAtTheEnds() {
    const std::uint32_t ids[] = {3'000'000'000u, 1, 0xffffffffu, 1u << 20, 0};
    const IdSet set = IdSet::of(ids);
    QVERIFY(set.toVector() == (std::vector<std::uint32_t>{0, 1, 1u << 20, 3'000'000'000u, 0xffffffffu}));
    QVERIFY(*IdSet::fromBytes(set.toBytes()) == set);
    QVERIFY(*mappedCopy(set) == set);
    QCOMPARE(*set.last(), 0xffffffffu);
    QCOMPARE(*set.select(3), 3'000'000'000u);
    QVERIFY(!set.select(5));
  }

  void damagedMappedSetsAreRefusedOrHarmless() {
    Random random(7);
    int refused = 0;
    for (int round = 0; round < 400; ++round) {
      IdSet set = IdSet::range(5, 3000) | IdSet::range(65'536, 131'072);
      for (int i = 0; i < 9000; ++i) set.add(200'000 + static_cast<std::uint32_t>(random.below(90'000)));
      if (round % 2) set.optimise();
      const auto loaded = mappedCopy(set, [&](std::string& bytes) {
        if (random.chance(0.3)) bytes.resize(random.below(bytes.size()));
        else
          for (std::uint64_t i = 0; i <= random.below(3); ++i) {
            const auto near = random.chance(0.6) ? std::min<std::uint64_t>(bytes.size(), 40) : bytes.size();
            bytes[bytes.size() - 1 - random.below(near)] = static_cast<char>(random.next());
          }
      });
      refused += !loaded;
      if (!loaded) continue;
      const auto list = loaded->toVector();
      QVERIFY(std::is_sorted(list.begin(), list.end()) && std::adjacent_find(list.begin(), list.end()) == list.end());
      QCOMPARE(loaded->size(), std::uint64_t(list.size()));
    }
    QVERIFY2(refused > 300, std::to_string(refused).c_str());
  }
};

QTEST_APPLESS_MAIN(TstIdSet)
#include "tst_id_set.moc"

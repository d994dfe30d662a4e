// Keys with their values as check boxes: see facet_panel.h.
#include "ui/pages/logs/facet_panel.h"

#include <QHeaderView>
#include <QScrollBar>
#include <QSet>
#include <QTreeWidget>
#include <QVBoxLayout>
#include <algorithm>

#include "ui/widgets/plain_label.h"
#include "ui/widgets/text.h"

namespace retort::ui {
namespace {

constexpr std::size_t kValues = 8;
constexpr int kKeyRole = Qt::UserRole, kValueRole = Qt::UserRole + 1;

bool isClauseOf(const logs::FilterNode& node, const std::string& key) {
  return node.kind == logs::FilterNode::Kind::test && node.field == key && (node.op == logs::FilterOp::equal || node.op == logs::FilterOp::in);
}

QString keyText(const std::string& key) {
  QString text = qs(key);
  if (!text.startsWith(QLatin1Char('@'))) return text;
  text.remove(0, 1);
  text.replace(QLatin1Char('_'), QLatin1Char(' '));
  if (text == QLatin1String("op")) return FacetPanel::tr("Operation");
  if (!text.isEmpty()) text[0] = text[0].toUpper();
  return text;
}

constexpr int kMetadata = 3;

/// Model, status and operation first, then the log's own keys, then the other built-in fields.
int placeOf(const std::string& key) {
  if (key == "@model") return 0;
  if (key == "@status") return 1;
  if (key == "@op") return 2;
  return key.starts_with('@') ? kMetadata + 1 : kMetadata;
}

std::vector<logs::Facet> inOrder(std::vector<logs::Facet> facets) {
  std::erase_if(facets, [](const logs::Facet& f) { return f.key == "@model.raw" || f.key == "@source"; });
  std::stable_sort(facets.begin(), facets.end(), [](const logs::Facet& a, const logs::Facet& b) { return placeOf(a.key) < placeOf(b.key); });
  return facets;
}

}  // namespace

std::vector<std::string> chosenValues(const logs::Filter& filter, const std::string& key) {
  std::vector<std::string> out;
  auto take = [&](const logs::FilterNode& node) {
    if (isClauseOf(node, key))
      for (const auto& value : node.values) out.push_back(value.text);
  };
  take(filter.root);
  if (filter.root.kind == logs::FilterNode::Kind::andNode)
    for (const auto& child : filter.root.children) take(child);
  return out;
}

logs::Filter withValues(logs::Filter filter, const std::string& key, const std::vector<std::string>& values) {
  using Node = logs::FilterNode;
  std::vector<Node> clauses;
  if (filter.root.kind == Node::Kind::andNode) clauses = std::move(filter.root.children);
  else if (filter.root.kind != Node::Kind::all) clauses.push_back(std::move(filter.root));
  Node clause;
  clause.kind = Node::Kind::test;
  clause.field = key;
  clause.isBuiltIn = key.starts_with('@');
  clause.op = values.size() == 1 ? logs::FilterOp::equal : logs::FilterOp::in;
  for (const std::string& value : values) clause.values.push_back({value, false});
  auto it = std::find_if(clauses.begin(), clauses.end(), [&](const Node& node) { return isClauseOf(node, key); });
  if (values.empty()) {
    if (it != clauses.end()) clauses.erase(it);
  } else if (it != clauses.end()) {
    *it = std::move(clause);
  } else {
    clauses.push_back(std::move(clause));
  }
  filter.root = Node{};
  if (clauses.size() == 1) filter.root = std::move(clauses.front());
  else if (clauses.size() > 1) filter.root.kind = Node::Kind::andNode, filter.root.children = std::move(clauses);
  return filter;
}

FacetPanel::FacetPanel(QWidget* parent) : QWidget(parent) {
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  m_tree = new QTreeWidget(this);
  m_tree->setObjectName(QStringLiteral("facets"));
  m_tree->setAccessibleName(tr("Values to filter by"));
  m_tree->setHeaderHidden(true);
  m_tree->setColumnCount(2);
  m_tree->header()->setStretchLastSection(false);
  m_tree->header()->setSectionResizeMode(0, QHeaderView::Stretch);
  m_tree->header()->setSectionResizeMode(1, QHeaderView::ResizeToContents);
  m_tree->setIndentation(16);
  m_tree->setUniformRowHeights(true);
  m_tree->setSelectionMode(QAbstractItemView::SingleSelection);
  m_tree->setTextElideMode(Qt::ElideMiddle);
  m_tree->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  column->addWidget(m_tree);
  connect(&Theme::instance(), &Theme::changed, this, [this] {
    if (m_store) query(m_store, m_filter);   // items keep the colours they were given
  });
  connect(m_tree, &QTreeWidget::itemChanged, this, [this](QTreeWidgetItem* item, int) {
    if (!m_filling) chosen(item);
  });
}

void FacetPanel::query(std::shared_ptr<logs::LogStore> store, const logs::Filter& filter) {
  m_filter = filter;
  m_store = store;
  if (!store) return m_tree->clear();
  m_query.ask(this, [store, filter](std::stop_token stop) { return store->facets(filter, {}, kValues, stop); },
              [this](Result<std::vector<logs::Facet>> facets) {
                if (facets.ok()) fill(*facets);
              });
}

void FacetPanel::fill(const std::vector<logs::Facet>& facets) {
  m_filling = true;
  QSet<QString> closed;
  for (int i = 0; i < m_tree->topLevelItemCount(); ++i)
    if (!m_tree->topLevelItem(i)->isExpanded()) closed.insert(m_tree->topLevelItem(i)->data(0, kKeyRole).toString());
  const bool first = m_tree->topLevelItemCount() == 0;
  const int scroll = m_tree->verticalScrollBar() ? m_tree->verticalScrollBar()->value() : 0;
  const QTreeWidgetItem* current = m_tree->currentItem();
  const QString currentKey = current ? current->data(0, kKeyRole).toString() : QString(), currentValue = current ? current->data(0, kValueRole).toString() : QString();
  m_tree->clear();
  const Theme& theme = Theme::instance();
  for (const logs::Facet& facet : inOrder(facets)) {
    const std::vector<std::string> wanted = chosenValues(m_filter, facet.key);
    if (facet.values.empty() && wanted.empty()) continue;
    auto* top = new QTreeWidgetItem(m_tree, {keyText(facet.key), facet.isSampled ? tr("~%1").arg(countText(static_cast<qint64>(facet.distinct))) : countText(static_cast<qint64>(facet.distinct))});
    top->setData(0, kKeyRole, qs(facet.key));
    top->setFlags(Qt::ItemIsEnabled | Qt::ItemIsSelectable);
    top->setFont(0, theme.font(Type::Body));
    QFont bold = theme.font(Type::Body);
    bold.setWeight(QFont::DemiBold);
    top->setFont(0, bold);
    top->setForeground(1, theme.color(Role::Muted));
    top->setFont(1, theme.font(Type::MonoCaption));
    top->setTextAlignment(1, Qt::AlignRight | Qt::AlignVCenter);
    top->setToolTip(0, tr("%n value(s)", nullptr, static_cast<int>(facet.distinct)));
    auto values = facet.values;
    for (const auto& value : wanted)   // a chosen value stays visible though nothing matches it
      if (std::none_of(values.begin(), values.end(), [&](const auto& v) { return v.value == value; })) values.push_back({value, 0});
    for (const auto& value : values) {
      auto* item = new QTreeWidgetItem(top, {qs(value.value), countText(static_cast<qint64>(value.count))});
      item->setFlags(Qt::ItemIsEnabled | Qt::ItemIsSelectable | Qt::ItemIsUserCheckable);
      item->setData(0, kKeyRole, qs(facet.key));
      item->setData(0, kValueRole, qs(value.value));
      item->setCheckState(0, std::find(wanted.begin(), wanted.end(), value.value) != wanted.end() ? Qt::Checked : Qt::Unchecked);
      item->setTextAlignment(1, Qt::AlignRight | Qt::AlignVCenter);
      item->setForeground(1, theme.color(Role::Muted));
      item->setFont(1, theme.font(Type::MonoCaption));
      item->setToolTip(0, qs(value.value).toHtmlEscaped());
      if (qs(facet.key) == currentKey && qs(value.value) == currentValue) m_tree->setCurrentItem(item);   // keys go on from where they were
    }
    // Keys with a value for nearly every record (ids) begin closed: their values say little.
    // So do keys with one value, and the built-in fields behind the first.
    const bool many = facet.distinct > 200 || facet.distinct < 2 || placeOf(facet.key) > kMetadata;
    top->setExpanded(first ? !many : !closed.contains(qs(facet.key)));
  }
  if (m_tree->verticalScrollBar()) m_tree->verticalScrollBar()->setValue(scroll);
  m_filling = false;
}

void FacetPanel::chosen(QTreeWidgetItem* item) {
  QTreeWidgetItem* top = item->parent();
  if (!top) return;
  std::vector<std::string> values;
  for (int i = 0; i < top->childCount(); ++i)
    if (top->child(i)->checkState(0) == Qt::Checked) values.push_back(ss(top->child(i)->data(0, kValueRole).toString()));
  const logs::Filter filter = withValues(m_filter, ss(item->data(0, kKeyRole).toString()), values);
  // The tree is rebuilt by what follows: not inside its own signal.
  QMetaObject::invokeMethod(this, [this, filter] { Q_EMIT filterChosen(filter); }, Qt::QueuedConnection);
}

}  // namespace retort::ui

// Asks one query of several sources, whose kinds comunica finds out by itself. In Node: comunica.mjs QUERY SOURCE…
export async function ask(QueryEngine, query, sources) {
  const bindings = await new QueryEngine().queryBindings(query, { sources });
  const rows = await bindings.toArray();
  return rows.map((row) => Object.fromEntries([...row].map(([variable, term]) => [variable.value, term.value])));
}

if (globalThis.process?.argv.length > 2) {
  const { QueryEngine } = await import("@comunica/query-sparql");
  const [query, ...sources] = process.argv.slice(2);
  console.log(JSON.stringify(await ask(QueryEngine, query, sources)));
}

/** How a whole dump ends, by the program that wrote it: what pg_dump, and mariadb-dump or mysqldump, write last. To be matched with its last bytes, one character each. */
export const sqlDumpEnds = {
  PostgreSQL: /\n-- PostgreSQL database dump complete\n--\n\s*(?:\\unrestrict \w+\s*)?$/,
  MariaDB: /\n-- Dump completed[^\n]*\n\s*$/,
} as const;

/** So many bytes are enough to tell. */
export const sqlDumpEndBytes = 512;

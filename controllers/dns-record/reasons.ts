/** Every reason that a DNSRecord's condition may carry. */
export const DNS_RECORD_REASONS = {
  ZoneNotFound: 'The Zone is not there.',
  ZoneNotReady: 'The Zone is not answered yet; it says why.',
  Answered: 'The name server answers with the record; checked by asking it.',
  AnswerDiffers: 'The name server does not answer with the record yet; it is asked again.',
  Overridden: 'The record follows from another object, and somebody declared one that counts for more.',
  RecordTaken: 'Another object has records of this name and type already.',
  RecordConflict: 'Another record of the same name stands in the way.',
  TooManyRecords: 'More DNSRecords of the same name count for more than are answered at one.',
  AnswerTooLarge: 'With it the records of its name and type would not fit into an answer.',
  NameNotRelative: 'The name ends with the name of its zone.',
  NameTooLong: 'Name and zone together are longer than a name may be.',
  RecordForeign: 'The provider has records there that were not made here.',
  TypeUnsupported: 'The provider has no records of the type.',
  InvalidValue: 'A value does not fit the type, or the name server refuses it.',
} as const;
